// SPDX-License-Identifier: Apache-2.0

package torch

// #include "trampoline.h"
import "C"

import (
	"fmt"
	"unsafe"
)

// Tensor is an n-dimensional array of libtorch. It is a handle, cheap to copy, valid until its scope ends. The zero
// Tensor means "none".
type Tensor struct{ h C.plx_tensor }

// Defined reports whether t is a tensor, not "none".
func (t Tensor) Defined() bool { return t.h != 0 }

// DType is the type of a tensor's elements.
type DType int

// The element types, by safetensors' names.
const (
	F64 DType = iota
	F32
	F16
	BF16
	I64
	I32
	I16
	I8
	U8
	Bool
)

var dtypes = [...]struct {
	name  string
	bytes int
}{{"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8}, {"I32", 4}, {"I16", 2}, {"I8", 1}, {"U8", 1},
	{"BOOL", 1}}

// String returns safetensors' name of the type: F32, BF16, I64, BOOL ...
func (d DType) String() string { return dtypes[d].name }

// Bytes returns the size of one element.
func (d DType) Bytes() int { return dtypes[d].bytes }

// ParseDType is the inverse of String.
func ParseDType(name string) (DType, error) {
	for i, d := range dtypes {
		if d.name == name {
			return DType(i), nil
		}
	}
	return 0, fmt.Errorf("dtype %q is not supported", name)
}

// FromFloat32 copies data into a float32 tensor of the given shape.
func FromFloat32(data []float32, shape ...int) Tensor { return from(data, F32, shape) }

// FromFloat64 copies data into a float64 tensor of the given shape.
func FromFloat64(data []float64, shape ...int) Tensor { return from(data, F64, shape) }

// FromInts copies data into an int64 tensor of the given shape.
func FromInts(data []int, shape ...int) Tensor {
	wide := make([]int64, len(data))
	for i, v := range data {
		wide[i] = int64(v)
	}
	return from(wide, I64, shape)
}

// FromBytes copies raw little-endian data into a tensor of the given type and shape.
func FromBytes(data []byte, dtype DType, shape ...int) Tensor {
	if want := count(shape) * dtype.Bytes(); len(data) != want {
		Fail("FromBytes", "%d bytes for %s%v, which needs %d", len(data), dtype, shape, want)
	}
	return from(data, dtype, shape)
}

func from[E any](data []E, dtype DType, shape []int) Tensor {
	var e E
	if got, want := len(data)*int(unsafe.Sizeof(e)), count(shape)*dtype.Bytes(); got != want {
		Fail("From", "%d elements for the shape %v", len(data), shape)
	}
	dims, n := ints(shape)
	return made("From", C.plx_from_data(unsafe.Pointer(unsafe.SliceData(data)), C.int(dtype), dims, n))
}

// Full returns a tensor of the given type and shape with every element v.
func Full(v float64, dtype DType, shape ...int) Tensor {
	Room(fmt.Sprintf("a tensor of shape %v", shape), float64(count(shape))*float64(dtype.Bytes()))
	dims, n := ints(shape)
	return made("Full", C.plx_full(C.double(v), C.int(dtype), dims, n))
}

// Zeros returns a tensor of zeros.
func Zeros(dtype DType, shape ...int) Tensor { return Full(0, dtype, shape...) }

// Ones returns a tensor of ones.
func Ones(dtype DType, shape ...int) Tensor { return Full(1, dtype, shape...) }

// Arange returns the int64 vector 0, 1, ..., n-1.
func Arange(n int) Tensor { return made("Arange", C.plx_arange(C.int64_t(n))) }

// Eye returns the n x n identity.
func Eye(n int, dtype DType) Tensor { return made("Eye", C.plx_eye(C.int64_t(n), C.int(dtype))) }

// Shape returns the size of every dimension.
func (t Tensor) Shape() []int {
	n := integer("Shape", C.plx_dims(t.ref()))
	wide := make([]int64, n+1) // one more, so that a scalar has an address to give
	done("Shape", C.plx_shape(t.ref(), (*C.int64_t)(&wide[0])))
	shape := make([]int, n)
	for i := range shape {
		shape[i] = int(wide[i])
	}
	return shape
}

// Size returns the size of dimension dim; a negative dim counts from the last.
func (t Tensor) Size(dim int) int {
	shape := t.Shape()
	if dim < 0 {
		dim += len(shape)
	}
	if dim < 0 || dim >= len(shape) {
		Fail("Size", "a tensor of shape %v has no such dimension", shape)
	}
	return shape[dim]
}

// Len returns the number of elements.
func (t Tensor) Len() int { return count(t.Shape()) }

// DType returns the type of the elements.
func (t Tensor) DType() DType { return DType(integer("DType", C.plx_dtype(t.ref()))) }

// Item returns the value of a tensor of one element.
func (t Tensor) Item() float64 {
	r := C.plx_item(t.ref())
	if r.error != nil {
		panic(&Error{Op: "Item", Text: take(r.error)})
	}
	return float64(r.value)
}

// Float64s copies the elements out in row-major order, converted.
func (t Tensor) Float64s() []float64 { return read[float64](t, F64) }

// Float32s copies the elements out in row-major order, converted.
func (t Tensor) Float32s() []float32 { return read[float32](t, F32) }

// Ints copies the elements out in row-major order, truncated towards zero.
func (t Tensor) Ints() []int {
	wide := read[int64](t, I64)
	out := make([]int, len(wide))
	for i, v := range wide {
		out[i] = int(v)
	}
	return out
}

// Bytes copies the elements out in row-major order, in their own type, little-endian.
func (t Tensor) Bytes() []byte { return t.BytesIn(nil) }

// BytesIn is Bytes in the memory of room, or in new memory if room has not enough.
func (t Tensor) BytesIn(room []byte) []byte {
	dtype := t.DType()
	n := t.Len() * dtype.Bytes()
	out := room
	if cap(out) < n {
		out = make([]byte, n)
	}
	out = out[:n]
	done("Bytes", C.plx_read(t.ref(), C.int(dtype), unsafe.Pointer(unsafe.SliceData(out)), C.int64_t(len(out))))
	return out
}

func read[E any](t Tensor, dtype DType) []E {
	out := make([]E, t.Len())
	done("Read", C.plx_read(t.ref(), C.int(dtype), unsafe.Pointer(unsafe.SliceData(out)),
		C.int64_t(len(out)*dtype.Bytes())))
	return out
}

// To converts the elements to another type, differentiably.
func (t Tensor) To(dtype DType) Tensor { return made("To", C.plx_to_dtype(t.ref(), C.int(dtype))) }

// ChannelsLast lays an N x C x H x W tensor out with the channels innermost, which convolutions prefer.
func (t Tensor) ChannelsLast() Tensor { return made("ChannelsLast", C.plx_channels_last(t.ref())) }

// Clone copies t, differentiably.
func (t Tensor) Clone() Tensor { return made("Clone", C.plx_clone(t.ref())) }

func count(shape []int) int {
	n := 1
	for _, s := range shape {
		n *= s
	}
	return n
}

func ints(v []int) (*C.int64_t, C.int) {
	if len(v) == 0 {
		return nil, 0
	}
	wide := make([]C.int64_t, len(v))
	for i, x := range v {
		wide[i] = C.int64_t(x)
	}
	return &wide[0], C.int(len(wide))
}

func handles(ts []Tensor) (*C.plx_tensor, C.int64_t) {
	if len(ts) == 0 {
		return nil, 0
	}
	hs := make([]C.plx_tensor, len(ts))
	for i, t := range ts {
		hs[i] = t.ref()
	}
	return &hs[0], C.int64_t(len(hs))
}
