// SPDX-License-Identifier: Apache-2.0
//
// What other files of the shim use of a group of processes.
#pragma once
#include "handle.h"

namespace plx {

// The rows of all processes of a group, in the order of the processes. Without gradient; each has one row of equal
// length.
at::Tensor rows_of_all(int64_t group, const at::Tensor &row);
// How many processes a group has.
int64_t processes(int64_t group);
// The sum over the processes, whose gradient is the sum of their gradients.
at::Tensor sum_of_all(int64_t group, const at::Tensor &t);

}  // namespace plx
