// SPDX-License-Identifier: Apache-2.0

// Package pretrain trains an encoder on unlabelled images, from a few settings to a finished run directory.
//
// [Resolve] turns a [Request] into a [Job]: every value of the configuration with its source, the images, the networks.
// [Run] does that and trains; [Resume] goes on with a run directory. Both evaluate the encoder while it trains (package
// pretrain/probe) and watch for collapse (package pretrain/guard).
package pretrain
