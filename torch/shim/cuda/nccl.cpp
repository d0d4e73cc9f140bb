// SPDX-License-Identifier: Apache-2.0
//
// Processes that train together on GPUs: c10d's ProcessGroupNCCL. This file is in the engine library for CUDA alone.
#include "../processes.h"

#define USE_C10D_NCCL
#include <cstdlib>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

namespace plx {
namespace {

Backend open(const Store &store, int rank, int processes, std::chrono::milliseconds wait) {
	// Otherwise a thread of c10d ends the process when an exchange takes too long. With it the call that waits fails, as
	// a call of Gloo does, and the run ends with its own message and status.
	setenv("TORCH_NCCL_BLOCKING_WAIT", "1", 1);
	auto o = c10d::ProcessGroupNCCL::Options::create();
	o->timeout = wait;
	return c10::make_intrusive<c10d::ProcessGroupNCCL>(store, rank, processes, o);
}

// Set when the library is loaded.
const bool set = (open_nccl() = open, true);

}  // namespace
}  // namespace plx
