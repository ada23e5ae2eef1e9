"""Detect with an exported model and neither PyTorch nor this toolkit: onnx_example.py MODEL.onnx IMAGE OUT.png

Prints a line an object, name, score, x1, y1, x2, y2 in pixels of the image, and draws those worth drawing into OUT.png.
"""

import json
import sys

import cv2
import numpy as np
import onnxruntime

if len(sys.argv) != 4:
    sys.exit(__doc__)
model, image, out = sys.argv[1:]
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
about = {key: json.loads(value) for key, value in session.get_modelmeta().custom_metadata_map.items()}
size, sizes, test = about["input_size"], about["sizes"], about["test"]

image = cv2.imread(image)  # BGR, as the model wants it
if image is None:
    sys.exit(f"{image} cannot be read")
height, width = image.shape[:2]
most = sizes["most"] if size == "dynamic" else size  # larger images are shrunk
zoom = min((about["longest_side"] or max(height, width)) / max(height, width), most[0] / height, most[1] / width)
h, w = max(1, round(height * zoom)), max(1, round(width * zoom))
if size == "dynamic":  # the smallest canvas that holds the image
    step, less, least = sizes["multiple"], sizes["less"], sizes["least"]
    size = [max(-(-(n + less[i]) // step[i]) * step[i] - less[i], least[i]) for i, n in enumerate((h, w))]
high, wide = size
how = cv2.INTER_AREA if 5 * h < 4 * height and 5 * w < 4 * width else cv2.INTER_LINEAR
top, left = high // 2 - h // 2, wide // 2 - w // 2
canvas = np.zeros((high, wide, 3), np.uint8)
canvas[top : top + h, left : left + w] = cv2.resize(image, (w, h), interpolation=how)
batch = np.stack([canvas.transpose(2, 0, 1)] * (1 if about["batch"] == "dynamic" else about["batch"]))

boxes, scores, labels = (rows[0] for rows in session.run(["boxes", "scores", "labels"], {"images": batch}))
boxes = (boxes - [left, top, left, top]) / [w / width, h / height, w / width, h / height]
boxes = np.clip(boxes, 0, [width, height, width, height])
valid = (scores >= test["nms"]["min_score"]) & (boxes[:, 2:] > boxes[:, :2]).all(1)  # rows of score -1 are none
boxes, scores, labels = boxes[valid], scores[valid], labels[valid]
sides = np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])
kept = cv2.dnn.NMSBoxesBatched(sides.tolist(), scores.tolist(), labels.tolist(), 0, test["nms"]["iou"])

for i in list(kept)[: test["max_per_image"]]:
    name, (x1, y1, x2, y2) = about["names"][labels[i]], boxes[i]
    print(f"{name} {scores[i]:.4f} {x1:.2f} {y1:.2f} {x2:.2f} {y2:.2f}")
    if scores[i] >= about["draw_scores"][labels[i]]:
        cv2.rectangle(image, (round(x1), round(y1)), (round(x2), round(y2)), (0, 200, 0), 2)
        cv2.putText(image, name, (round(x1), round(y1) - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 200, 0), 1, cv2.LINE_AA)
cv2.imwrite(out, image)
