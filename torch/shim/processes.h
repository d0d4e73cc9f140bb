// SPDX-License-Identifier: Apache-2.0
//
// What other files of the shim use of a group of processes.
#pragma once
#include <chrono>
#include <torch/csrc/distributed/c10d/Backend.hpp>

#include "handle.h"

namespace plx {

using Store = c10::intrusive_ptr<c10d::Store>;
using Backend = c10::intrusive_ptr<c10d::Backend>;

// Joins processes by NCCL. Only the library for CUDA has it: cuda/nccl.cpp sets it there.
using OpenNCCL = Backend (*)(const Store &, int rank, int processes, std::chrono::milliseconds wait);
OpenNCCL &open_nccl();

// The rows of all processes of a group, in the order of the processes. Without gradient; each has one row of equal
// length.
at::Tensor rows_of_all(int64_t group, const at::Tensor &row);
// How many processes a group has.
int64_t processes(int64_t group);
// The sum over the processes, whose gradient is the sum of their gradients.
at::Tensor sum_of_all(int64_t group, const at::Tensor &t);

}  // namespace plx
