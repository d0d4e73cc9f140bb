// SPDX-License-Identifier: Apache-2.0

// Package pretrain trains an encoder on unlabelled images. It takes a few settings and leaves a finished run directory.
//
// [Resolve] turns a [Request] into a [Job]: the configuration with the source of every value, the images and the
// networks. [Run] resolves a request and trains. [Resume] continues the run of a directory. Both evaluate the encoder
// while it trains (package pretrain/probe) and watch for collapse (package pretrain/guard).
package pretrain
