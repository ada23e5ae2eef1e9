"""Pages of HTML: what may run in them."""

from cornernet.drawing import page
from tests.browsing import PROBE, complaints

EVIL = "<script>document.title = 'taken'</script><img src='http://127.0.0.1:9/x.png' onerror='document.title=1'>"


def test_the_browser_test_sees_what_is_broken(browser, tmp_path):
    broken = tmp_path / "broken.html"
    broken.write_text(f'<body><img src="data:image/png;base64,AAAA"><script>console.error("oh")</script>{PROBE}</body>')
    run = browser(broken, "--dump-dom")
    assert complaints(run.stderr) and '"images":[0]' in run.stdout


def test_the_policy_keeps_scripts_from_running(browser, tmp_path):
    (tmp_path / "evil.html").write_text(page.document("mine", "", [page.Section("a", "a", EVIL)], ""))
    run = browser(tmp_path / "evil.html", "--dump-dom")
    assert "<title>mine</title>" in run.stdout and complaints(run.stderr)
