// SPDX-License-Identifier: Apache-2.0

// Package pth reads the tensors of a file that torch.save wrote (.pth, .pt, .ckpt, .pth.tar), without PyTorch, and
// without running what the file says. It reads the zip archive of PyTorch 1.6 and later, and the stream of pickles of
// versions before (torch/serialization.py).
//
// Only the calls that rebuild a tensor or an ordered dict are understood, by their names. Everything else, such as an
// omegaconf.DictConfig, an optimiser's class or a call of os.system, is skipped and named ([File.Foreign]). A file is
// untrusted: every offset, size and stride is compared with the file's size, and a tensor is read only when it is asked
// for.
package pth
