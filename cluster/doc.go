// SPDX-License-Identifier: Apache-2.0

// Package cluster sorts unlabelled images into clusters by SCAN (Van Gansbeke et al. 2020, arXiv:2005.12320): a pretext
// task trains an encoder, a clustering stage draws every image to its nearest neighbours, and self-labelling trains on
// the images that it is sure of. Each stage is a run of package pretrain in a folder of its own.
//
// [NewPlan] checks what is asked for, [Run] makes the stages and the [Report], and goes on where it was stopped.
package cluster
