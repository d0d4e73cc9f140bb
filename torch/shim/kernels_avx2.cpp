// SPDX-License-Identifier: Apache-2.0
//
// The loops for processors with AVX2 and FMA: scripts/shim.mk has the flags.
#if defined(__AVX2__) && defined(__FMA__)
#define PLX_WIDTH 32
#include "kernels.inl"

namespace plx {
const Kernels *kernels_avx2() { return &all; }
}  // namespace plx
#else
#include "kernels.h"

namespace plx {
const Kernels *kernels_avx2() { return nullptr; }
}  // namespace plx
#endif
