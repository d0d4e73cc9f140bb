// SPDX-License-Identifier: Apache-2.0

// Package dist joins the processes of a run. torchrun, SLURM, Kubeflow's trainer or [Launch] starts them, and the
// environment says which one each is; [Find] reads it, and [Join] brings them together on PyTorch's own c10d: a store
// for notes, and a group for tensors.
//
// The first process, rank 0, is the chief: it writes the run directory and evaluates. The others compute with it. A
// process that is gone is named in the errors of the others.
package dist
