// SPDX-License-Identifier: Apache-2.0
//
// The loops for any processor of the architecture.
#define PLX_WIDTH 16
#include "kernels.inl"

namespace plx {
const Kernels *kernels_base() { return &all; }
}  // namespace plx
