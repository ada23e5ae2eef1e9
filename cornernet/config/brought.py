"""Words that people bring from other toolkits -> what they are called here."""

DRAWN = "is called test.draw_score here; the command predict also takes score=, below which nothing is written"
FOUND = "are those of the annotations here, and need not be said"
INPUT = "is called data.input_size here, as [height, width]; images are first resized to data.longest_side"
NARROW = "is called train.precision here, and test.precision in evaluation and prediction: fp32, bf16, fp16 or auto"
SET = "is called data.train.annotations here, the path of a file or folder, with data.val.annotations beside it"

WORDS = {
    "amp": NARROW,
    "batch": "is called train.batch_size here; in evaluation and prediction it is test.batch_size",
    "bs": "is called train.batch_size here; in evaluation and prediction it is test.batch_size",
    "classes": FOUND,
    "conf": DRAWN,
    "conf_thres": DRAWN,
    "data": SET,
    "dataset": SET,
    "device": "is called train.device here: auto, which takes a GPU if there is one, the first that "
    "CUDA_VISIBLE_DEVICES shows, or cpu",
    "epochs": "is called train.steps here: epochs x images of the training set / train.batch_size",
    "exist_ok": "does not exist here: a run never overwrites another, train.resume=auto goes on with one",
    "fp16": NARROW,
    "half": NARROW,
    "imgsz": INPUT,
    "img": INPUT,
    "img_size": INPUT,
    "iou": "is called test.nms.iou here",
    "learning_rate": "is called train.lr here",
    "lr": "is called train.lr here",
    "lr0": "is called train.lr here",
    "max_det": "is called test.max_per_image here",
    "model": "has parts here, model.detector and model.backbone.name; one that is trained is the path of a checkpoint",
    "momentum": "is 0.9 here where train.optimizer is sgd",
    "name": "is the last part of work_dir here, the folder of the run",
    "names": FOUND,
    "nc": "is counted in the annotations here, and need not be said; it is no key",
    "num_classes": "is counted in the annotations here, and need not be said; it is no key",
    "patience": "is called train.patience here, in evaluations without a better figure; the best weights are best.pt",
    "pretrained": "has two keys here: train.init, a checkpoint to begin with, and model.backbone.weights",
    "project": "is the first part of work_dir here, the folder of the run",
    "resume": "is called train.resume here: auto, or the path of a checkpoint",
    "save_crop": "is crops=true of the command predict here",
    "save_dir": "is called work_dir here",
    "save_txt": "is format=yolo of the command predict here",
    "source": "has no key here: images, folders and videos are paths behind the checkpoint, predict best.pt photos/",
    "threshold": DRAWN,
    "weights": "has no key of its own here: a checkpoint is a path behind the command, or train.init where a training "
    "begins with its weights; model.backbone.weights is imagenet, or a file of a backbone's",
    "workers": "is called data.workers here",
}


def answer(key: str) -> str:
    """A key as it was typed, maybe in a section or behind dashes -> the sentence that says what it is called, or ""."""
    word = key.lstrip("-").rpartition(".")[2].replace("-", "_")
    return f"{word} {WORDS[word]}" if word in WORDS else ""
