// SPDX-License-Identifier: Apache-2.0

// Package cluster sorts unlabelled images into clusters with SCAN (Van Gansbeke et al. 2020, arXiv:2005.12320). A
// pretext task trains an encoder, a clustering stage pulls every image towards its nearest neighbours, and
// self-labelling trains on the images of high confidence. Each stage is a run of package pretrain in a folder of its
// own.
//
// [NewPlan] checks a request. [Run] makes the stages and the report, and resumes an interrupted clustering.
package cluster
