// SPDX-License-Identifier: Apache-2.0

// Package export writes a trained encoder in formats that other programs load: safetensors, TorchScript, ONNX and the
// archive of torch.export.
//
//	result, err := export.Write(ctx, export.Request{Run: "runs/simclr-1", Out: "encoder.onnx"})
//
// The network of a file takes normalised float32 images, N x 3 x H x W, and returns features, N x D; N, H and W may
// differ from call to call. With [Request.Preprocess] it takes the pixels, uint8 N x H x W x 3, and normalises them. A
// safetensors file holds weights alone, under torchvision's names (timm's for a ViT).
//
// Write reads the file again and computes with it: PyTorch's own code runs the TorchScript, and the ONNX and
// torch.export files are interpreted operator by operator. If the features of real images are not those of the encoder,
// there is no file. Each file holds a model card, see [Card].
package export
