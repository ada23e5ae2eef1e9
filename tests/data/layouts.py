"""Writes the same few boxes of the same few images in every layout that people have; shared by tests."""

import json
from pathlib import Path
from xml.sax.saxutils import escape

import cv2
import numpy as np

CLASSES = ["cat", "dog, small", "vögel"]
SIZES = {"a": (40, 30), "b": (50, 20), "c d": (32, 32), "é": (24, 48)}
BOXES = {  # (label, x1, y1, x2, y2)
    "a": [(0, 4, 3, 20, 15), (1, 0, 0, 40, 30)],
    "b": [(2, 10, 5, 25, 20)],
    "c d": [],
    "é": [(1, 6, 12, 12, 24), (0, 3, 6, 18, 42)],
}
TRAIN, VAL = ["a", "b", "c d"], ["é", "a"]


def draw(path: Path, stem: str) -> Path:
    """An image of noise under this name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    width, height = SIZES[stem]
    noise = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    path.write_bytes(cv2.imencode(path.suffix.lower(), noise)[1].tobytes())
    return path


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding))
    return path


def coco(stems, prefix="", suffix=".jpg", first=1, extra=()) -> str:
    images = [
        {"id": n, "file_name": f"{prefix}{stem}{suffix}", "width": SIZES[stem][0], "height": SIZES[stem][1]}
        for n, stem in enumerate(stems)
    ]
    boxes = [
        {"id": 7 * n + k, "image_id": n, "category_id": label + first, "bbox": [x1, y1, x2 - x1, y2 - y1]}
        for n, stem in enumerate(stems)
        for k, (label, x1, y1, x2, y2) in enumerate(BOXES[stem])
    ]
    above = {"supercategory": "things"} if extra else {}
    categories = [*extra, *({"id": n, "name": name, **above} for n, name in enumerate(CLASSES, first))]
    return json.dumps({"images": images, "annotations": boxes, "categories": categories})


def yolo(stem: str, end: str = "\n") -> str:
    (width, height), lines = SIZES[stem], []
    for label, x1, y1, x2, y2 in BOXES[stem]:
        values = ((x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height)
        lines.append(f"{label} " + " ".join(f"{v:.9f}" for v in values))
    return "".join(line + end for line in lines)


def voc(stem: str, suffix=".jpg", size=True, named=None, extra="", offset=0) -> str:
    width, height = SIZES[stem]
    objects = "".join(
        f"<object><name>{escape(CLASSES[label])}</name><difficult>0</difficult><bndbox><xmin>{x1 + offset}</xmin>"
        f"<ymin>{y1 + offset}.0</ymin><xmax> {x2} </xmax><ymax>{y2}</ymax></bndbox>"
        "<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part></object>"
        for label, x1, y1, x2, y2 in BOXES[stem]
    )
    said = f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>" if size else ""
    return f"<annotation><filename>{named or stem + suffix}</filename>{said}{objects}{extra}</annotation>"


def csv(stems, header, row, end="\n", suffix=".jpg") -> str:
    rows = [row(f"{stem}{suffix}", *SIZES[stem], CLASSES[b[0]], *b[1:]) for stem in stems for b in BOXES[stem]]
    return "".join(line + end for line in [header, *rows] if line)


def quoted(name: str) -> str:
    return f'"{name}"' if "," in name else name


# --- the kinds: each writes its layout into a folder and returns what one has to type ---


def voc_lists(folder):
    for stem in SIZES:
        draw(folder / f"JPEGImages/{stem}.jpg", stem)
        write(folder / f"Annotations/{stem}.xml", voc(stem))
    draw(folder / "SegmentationClass/a.png", "a")
    write(folder / "ImageSets/Main/train.txt", "\n".join(TRAIN))
    write(folder / "ImageSets/Main/val.txt", "\r\n".join(VAL) + "\r\n")
    write(folder / "ImageSets/Main/cat_train.txt", "a 1\nb -1")
    return [folder]


def voc_lists_of_classes(folder):
    """No list but those of single classes, in ImageSets itself."""
    voc_lists(folder)
    for name in ("train.txt", "val.txt", "cat_train.txt"):
        (folder / "ImageSets/Main" / name).unlink()
    (folder / "ImageSets/Main").rmdir()
    write(folder / "ImageSets/cat_train.txt", "a 1\nb -1\n")
    write(folder / "ImageSets/dog_train.txt", "a 1\nb -1\nc d -1\n")
    write(folder / "ImageSets/dog_val.txt", "é 1\na 1\n")
    return [folder]


def voc_trainval_in_devkit(folder):
    voc_lists(folder / "VOCdevkit/VOC2012")
    lists = folder / "VOCdevkit/VOC2012/ImageSets/Main"
    (lists / "train.txt").rename(lists / "trainval.txt")
    write(folder / "VOCdevkit/README.txt", "hello")
    return [folder]


def voc_flat(folder):
    """Labels beside the images, a folder a split, upper-case endings, no sizes, names of other machines."""
    for split, stems in (("train", TRAIN), ("valid", VAL)):
        for stem in stems:
            draw(folder / split / f"{stem}.JPG", stem)
            write(folder / split / f"{stem}.XML", voc(stem, size=False, named=f"C:\\me\\{stem}.JPG"))
    return [folder]


def voc_annotations_apart(folder):
    """One split a path, in folders inside, UTF-16 and latin-1 with their declaration."""
    for split, stems in (("one", TRAIN), ("two", VAL)):
        for stem in stems:
            draw(folder / split / f"images/day 1/{stem}.png", stem)
            encoding = "latin-1" if stem == "é" else "utf-16"
            xml = f'<?xml version="1.0" encoding="{encoding}"?>\n' + voc(stem, ".png")
            write(folder / split / f"Annotations/day 1/{stem}.xml", xml, encoding)
    return [folder / "one/Annotations", folder / "two"]


def cvat_voc(folder):
    """CVAT: a list called default, names with their folder."""
    for split, stems in (("one", TRAIN), ("two", VAL)):
        for stem in stems:
            draw(folder / split / f"JPEGImages/sub/{stem}.jpg", stem)
            write(folder / split / f"Annotations/sub/{stem}.xml", voc(stem, named=f"sub/{stem}.jpg"))
        write(folder / split / "ImageSets/Main/default.txt", "".join(f"sub/{stem}\n" for stem in stems))
    return [folder / "one", folder / "two"]


def yolo_tree(folder, names="names: [cat, 'dog, small', vögel]", **paths):
    for split, stems in (("train", TRAIN), ("val", VAL)):
        for stem in stems:
            draw(folder / f"images/{split}/{stem}.jpg", stem)
            if BOXES[stem]:
                write(folder / f"labels/{split}/{stem}.txt", yolo(stem, "\r\n"))
    lines = {"path": ".", "train": "images/train", "val": "images/val", **paths}
    write(folder / "data.yaml", "\n".join([*(f"{k}: {v}" for k, v in lines.items() if v), names]))
    return [folder]


def yolo_names_by_number(folder):
    return yolo_tree(folder, "nc: 3\nnames:\n  0: cat\n  1: dog, small\n  2: vögel")


def yolo_of_another_machine(folder):
    return yolo_tree(folder, path="/content/ds", train="../train/images/train", val="/content/ds/images/val")


def yolo_file_and_absolute(folder):
    yolo_tree(folder / "it", path=folder / "it", train=f"{folder}/it/images/train", val="[images/val]")
    return [folder / "it/data.yaml"]


def yolo_lists(folder):
    """Lists with relative, absolute and backslashed names, a byte order mark, and Windows line ends."""
    yolo_tree(folder, train="train.txt", val="lists/val.txt")
    names = ["\ufeff./images/train/a.jpg", "images\\train\\b.jpg", "/x/y/images/train/c d.jpg", ""]
    write(folder / "train.txt", "\r\n".join(names))
    write(folder / "lists/val.txt", f"{folder}/images/val/é.jpg\n../images/val/a.jpg\n")
    return [folder]


def yolo_without_settings(folder):
    """Split first, then images and labels, empty label files, a BOM; classes.txt names the classes."""
    for split, stems in (("train", TRAIN), ("valid", VAL)):
        for stem in stems:
            draw(folder / split / f"images/{stem}.PNG", stem)
            write(folder / split / f"labels/{stem}.TXT", ("\ufeff" if stem == "a" else "") + yolo(stem))
    write(folder / "classes.txt", "\n".join(CLASSES) + "\n")
    return [folder]


def label_studio_yolo(folder):
    for split, stems in (("one", TRAIN), ("two", VAL)):
        for stem in stems:
            draw(folder / split / f"images/{stem}.jpg", stem)
            write(folder / split / f"labels/{stem}.txt", yolo(stem))
        write(folder / split / "classes.txt", "\n".join(CLASSES))
        notes = {"categories": [{"id": 0, "name": "cat"}], "info": {"contributor": "Label Studio"}}
        write(folder / split / "notes.json", json.dumps(notes))
    return [folder / "one", folder / "two"]


def darknet(folder):
    """obj.data, labels beside the images, lists with the folder of another machine; CVAT's YOLO 1.1 is like it."""
    for stem in SIZES:
        draw(folder / f"obj_train_data/{stem}.jpg", stem)
        write(folder / f"obj_train_data/{stem}.txt", yolo(stem))
    write(folder / "obj.names", "\n".join(CLASSES) + "\n")
    paths = "train = data/train.txt\nvalid = data/valid.txt\nnames = data/obj.names\nbackup = b/"
    write(folder / "obj.data", f"classes = 3\n{paths}")
    for split, stems in (("train", TRAIN), ("valid", VAL)):
        write(folder / f"{split}.txt", "".join(f"data/obj_train_data/{stem}.jpg\n" for stem in stems))
    return [folder]


def darknet_without_data(folder):
    darknet(folder)
    (folder / "obj.data").unlink()
    return [folder]


def yolo_upper_case(folder):
    """Images and Labels in capitals, and names as Roboflow writes them for Darknet."""
    for split, stems in (("Train", TRAIN), ("Valid", VAL)):
        for stem in stems:
            draw(folder / f"Images/{split}/{stem}.JPG", stem)
            write(folder / f"Labels/{split}/{stem}.TXT", yolo(stem))
    write(folder / "Labels/_darknet.labels", "\n".join(CLASSES))
    return [folder]


def cvat_yolo_without_images(folder):
    """Labels by split and lists in one folder, all images in another one, as CVAT exports them by itself."""
    for stem in SIZES:
        draw(folder / f"photos/{stem}.jpg", stem)
    for split, stems in (("train", TRAIN), ("val", VAL)):
        for stem in stems:
            write(folder / f"it/labels/{split}/{stem}.txt", yolo(stem))
        write(folder / f"it/{split}.txt", "".join(f"data/images/{split}/{stem}.jpg\n" for stem in stems))
    write(folder / "it/labels/val/b.txt", "2 0.5 0.5 0.1 0.1\n")
    write(folder / "it/data.yaml", "train: train.txt\nval: val.txt\nnames: [cat, 'dog, small', vögel]")
    return [folder / "it", "", folder / "photos", folder / "photos"]


def yolo_polygons(folder):
    yolo_tree(folder)
    for file in folder.glob("labels/*/*.txt"):
        lines = [[float(x) for x in line.split()] for line in file.read_text().splitlines()]
        corners = [(c, x - w / 2, y - h / 2, x + w / 2, y + h / 2) for c, x, y, w, h in lines]
        write(file, "".join(f"{int(c)} {a} {b} {c2} {b} {c2} {d} {a} {d}\n" for c, a, b, c2, d in corners))
    return [folder]


def labels_and_images_apart(folder):
    for split, stems in (("one", TRAIN), ("two", VAL)):
        for stem in stems:
            draw(folder / split / f"photos/{stem}.jpg", stem)
            write(folder / split / f"txt/labels/{stem}.txt", yolo(stem))
        write(folder / split / "txt/labels/classes.txt", "\n".join(CLASSES))
    return [folder / "one/txt/labels", folder / "two/txt/labels", folder / "one/photos", folder / "two/photos"]


def roboflow(folder):
    root = [{"id": 0, "name": "things", "supercategory": "none"}]
    for split, stems in (("train", TRAIN), ("valid", VAL), ("test", VAL)):
        for stem in stems:
            draw(folder / split / f"{stem}.jpg", stem)
        write(folder / split / "_annotations.coco.json", coco(stems, extra=root))
    return [folder]


def coco_files(folder):
    """Two files, images in a folder of their own that nobody names."""
    for stem in SIZES:
        draw(folder / f"images/{stem}.jpg", stem)
    files = [write(folder / f"{name}.json", coco(stems)) for name, stems in (("x", TRAIN), ("y", VAL))]
    return files


def coco_folder(folder):
    for split, stems in (("train", TRAIN), ("val", VAL)):
        for stem in stems:
            draw(folder / f"images/{split}2017/{stem}.jpg", stem)
        write(folder / f"annotations/instances_{split}2017.json", coco(stems))
        write(folder / f"annotations/captions_{split}2017.json", coco(stems))
    return [folder]


def coco_in_split_folders(folder):
    for split, stems in (("train", TRAIN), ("valid", VAL)):
        for stem in stems:
            draw(folder / split / f"images/{stem}.jpg", stem)
        write(folder / split / "labels.json", coco(stems))
    return [folder]


def cvat_coco(folder):
    for split, stems in (("one", TRAIN), ("two", VAL)):
        for stem in stems:
            draw(folder / split / f"images/default/{stem}.jpg", stem)
        write(folder / split / "annotations/instances_default.json", coco(stems))
    return [folder / "one", folder / "two"]


def label_studio_coco(folder):
    for split, stems in (("one", TRAIN), ("two", VAL)):
        for stem in stems:
            draw(folder / split / f"images/{stem}.jpg", stem)
        write(folder / split / "result.json", coco(stems, prefix="images\\", first=0))
    return [folder / "one/result.json", folder / "two"]


def csv_kind(folder, header, row, end="\n", encoding="utf-8", suffix=".jpg", paths=True):
    """Two tables; the images in a folder that is named, or beside them."""
    for stem in SIZES:
        draw(folder / ("pics" if paths else "images") / f"{stem}.jpg", stem)
    for split, stems in (("train", TRAIN), ("val", VAL)):
        write(folder / f"{split}.csv", csv(stems, header, row, end, suffix), encoding)
    return [folder / "train.csv", folder / "val.csv", *([folder / "pics", folder / "pics"] if paths else [])]


def csv_tensorflow(folder):
    row = lambda f, w, h, c, x1, y1, x2, y2: f"{f},{w},{h},{quoted(c)},{x1},{y1},{x2}.0,{y2}"  # noqa: E731
    return csv_kind(folder, "filename,width,height,class,xmin,ymin,xmax,ymax", row)


def csv_semicolons(folder):
    row = lambda f, w, h, c, x1, y1, x2, y2: f"pics\\{f};{c};{x1},0;{y1};{x2};{y2}"  # noqa: E731
    return csv_kind(folder, "\ufeffImage;Label;x1;y1;x2;y2", row, "\r\n")


def csv_keras(folder):
    row = lambda f, w, h, c, x1, y1, x2, y2: f"/home/me/pics/{f},{x1},{y1},{x2},{y2},{quoted(c)}"  # noqa: E731
    return csv_kind(folder, "", row, paths=False)


def csv_sizes_and_tabs(folder):
    row = lambda f, w, h, c, x1, y1, x2, y2: f"{f}\t{c}\t{x1}\t{y1}\t{x2 - x1}\t{y2 - y1}"  # noqa: E731
    return csv_kind(folder, "image\tlabel\tx\ty\tw\th", row, encoding="utf-16")[:3]


def csv_open_images(folder):
    row = lambda f, w, h, c, x1, y1, x2, y2: f"{f},x,{quoted(c)},1,{x1 / w},{x2 / w},{y1 / h},{y2 / h},0"  # noqa: E731
    return csv_kind(folder, "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsGroupOf", row, suffix="")


def csv_bbox(folder):
    row = lambda f, w, h, c, x1, y1, x2, y2: f'{f},{w},{h},"[{x1}, {y1}, {x2 - x1}, {y2 - y1}]",{quoted(c)}'  # noqa: E731
    csv_kind(folder, "image_id,width,height,bbox,category", row, paths=False, suffix="")
    return [folder]


def csv_with_splits(folder):
    """One table with a column for the split."""
    for stem in SIZES:
        draw(folder / f"{stem}.jpg", stem)
    row = lambda f, w, h, c, x1, y1, x2, y2: f"{f},{quoted(c)},{x1},{y1},{x2},{y2}"  # noqa: E731
    lines = ["filename,class,xmin,ymin,xmax,ymax,split", *(f"{x},TRAIN" for x in csv(TRAIN, "", row).splitlines())]
    write(folder / "all.csv", "\n".join([*lines, *(f"{x},validation" for x in csv(VAL, "", row).splitlines())]))
    return [folder / "all.csv"]


def csv_in_split_folders(folder):
    """A table in each folder, as Roboflow writes them; left, top, width and height; two columns of classes."""
    row = lambda f, w, h, c, x1, y1, x2, y2: f"{f},7,{quoted(c)},{x1},{y1},{x2 - x1},{y2 - y1}"  # noqa: E731
    for split, stems in (("train", TRAIN), ("valid", VAL), ("test", VAL)):
        for stem in stems:
            draw(folder / split / f"{stem}.jpg", stem)
        write(folder / split / "_annotations.csv", csv(stems, "image,class_id,class_name,xmin,ymin,width,height", row))
        write(folder / split / "_classes.csv", "cat,0\n")
    return [folder]


KINDS = [
    voc_lists, voc_lists_of_classes, yolo_upper_case, cvat_yolo_without_images, coco_in_split_folders,
    csv_in_split_folders,
    voc_trainval_in_devkit, voc_flat, voc_annotations_apart, cvat_voc, yolo_tree, yolo_names_by_number,
    yolo_of_another_machine, yolo_file_and_absolute, yolo_lists, yolo_without_settings, label_studio_yolo, darknet,
    darknet_without_data, yolo_polygons, labels_and_images_apart, roboflow, coco_files, coco_folder, cvat_coco,
    label_studio_coco, csv_tensorflow, csv_semicolons, csv_keras, csv_sizes_and_tabs, csv_open_images, csv_bbox,
    csv_with_splits,
]  # fmt: skip
