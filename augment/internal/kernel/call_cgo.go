// SPDX-License-Identifier: Apache-2.0

//go:build cgo && amd64 && (linux || darwin)

package kernel

/*
#cgo CFLAGS: -O3
#cgo noescape plx_view_avx2
#cgo nocallback plx_view_avx2
#cgo noescape plx_view_avx512
#cgo nocallback plx_view_avx512
#include "kernel.h"
*/
import "C"

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

func has(set string) bool {
	x := &cpu.X86
	avx2 := x.HasAVX2 && x.HasFMA
	if set == AVX2 {
		return avx2
	}
	return avx2 && x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL
}

// call makes v and returns 0, or returns how many bytes of scratch it needs.
func call(set string, v *View, scratch []uint8) int {
	c := C.plx_view{
		stride: C.int64_t(v.Stride), w: C.int32_t(v.W), h: C.int32_t(v.H),
		out_w: C.int32_t(v.OutW), out_h: C.int32_t(v.OutH), x: v.X.c(), y: v.Y.c(), ops: C.int32_t(len(v.Ops)),
		mean: [3]C.float{C.float(v.Normal.Mean[0]), C.float(v.Normal.Mean[1]), C.float(v.Normal.Mean[2])},
		std:  [3]C.float{C.float(v.Normal.Std[0]), C.float(v.Normal.Std[1]), C.float(v.Normal.Std[2])},
	}
	if v.ColumnsFirst {
		c.columns_first = 1
	}
	if v.Normal.Divide {
		c.divide = 1
	}
	src, size := (*C.uint8_t)(unsafe.SliceData(v.Src)), C.int64_t(len(v.Src))
	xFirst, xWeight := v.X.pointers()
	yFirst, yWeight := v.Y.pointers()
	ops := (*C.plx_op)(unsafe.Pointer(unsafe.SliceData(v.Ops)))
	planes, pix := (*C.float)(unsafe.SliceData(v.Planes)), (*C.uint8_t)(unsafe.SliceData(v.Pix))
	room, roomSize := (*C.uint8_t)(unsafe.SliceData(scratch)), C.int64_t(len(scratch))
	if set == AVX512 {
		return int(C.plx_view_avx512(&c, src, size, xFirst, xWeight, yFirst, yWeight, ops, planes, pix, room, roomSize))
	}
	return int(C.plx_view_avx2(&c, src, size, xFirst, xWeight, yFirst, yWeight, ops, planes, pix, room, roomSize))
}

// Op is plx_op, and Go's int on this architecture int64_t.
const (
	_ = -(unsafe.Sizeof(Op{}) ^ unsafe.Sizeof(C.plx_op{}))
	_ = -(unsafe.Sizeof(int(0)) ^ 8)
)

func (t *Taps) pointers() (first *C.int64_t, weight *C.int32_t) {
	return (*C.int64_t)(unsafe.Pointer(unsafe.SliceData(t.First))), (*C.int32_t)(unsafe.SliceData(t.Weight))
}

func (t *Taps) c() C.plx_taps {
	return C.plx_taps{n: C.int32_t(t.N), from: C.int32_t(t.From), to: C.int32_t(t.To)}
}
