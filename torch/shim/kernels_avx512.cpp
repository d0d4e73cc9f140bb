// SPDX-License-Identifier: Apache-2.0
//
// The loops for processors with AVX-512 F, BW, DQ and VL: scripts/shim.mk has the flags.
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#define PLX_WIDTH 64
#include "kernels.inl"

namespace plx {
const Kernels *kernels_avx512() { return &all; }
}  // namespace plx
#else
#include "kernels.h"

namespace plx {
const Kernels *kernels_avx512() { return nullptr; }
}  // namespace plx
#endif
