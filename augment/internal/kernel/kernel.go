// SPDX-License-Identifier: Apache-2.0

// Package kernel makes views with the processor's vector instructions, equal to the byte to what package augment makes
// in Go. There are kernels for AVX2 and AVX-512, in C; the better one that the processor has is chosen at run time.
// Without cgo, and on other processors, there is none.
package kernel

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// The instruction sets that a View can be made with. Go stands for package augment's Go code.
const (
	Go     = "go"
	AVX2   = "avx2"
	AVX512 = "avx512"
)

// Variable is the environment variable that names the instruction set to use.
const Variable = "PARALLAX_SIMD"

// Kind is what an Op does.
type Kind int32

// As in kernel.h.
const (
	Brightness Kind = iota
	Contrast
	Saturation
	Hue
	Gray
	Invert
	Flip
	Upend
	Blur
)

// An Op is an operation on the pixels after a resize: plx_op in kernel.h.
type Op struct {
	Kind         Kind
	Factor       float32 // of Brightness, Contrast and Saturation
	Level        int32   // Invert: the threshold; Hue: what is added to an 8-bit hue; Blur: the radius, 0 or 1
	Middle, Edge uint32  // Blur: the weights of whole and partial pixels, in 24-bit fixed point
}

// MostOps is how many operations a View may have.
const MostOps = 64

// Taps is the weights of a resize along one axis, as in package augment: output i is the sum over j < N of
// Weight[i*N+j] * input[First[i]+j]. N is 0 where the size stays.
type Taps struct {
	N        int
	First    []int
	Weight   []int32
	From, To int // the inputs that the outputs depend on, without the last
}

// Statistics is the mean and the standard deviation of each channel's levels from 0 to 1.
type Statistics struct {
	Mean, Std [3]float32
	// Divide asks for divisions, which are exact for all statistics. Without it products are used, which are exact for
	// nearly all: see whether they are.
	Divide bool
}

// A View is what to make of a window of 8-bit RGB pixels.
type View struct {
	Src          []uint8 // begins at the first pixel
	Stride       int     // bytes between rows
	W, H         int     // of the window
	OutW, OutH   int     // after the resize
	X, Y         Taps
	ColumnsFirst bool
	Ops          []Op
	// Planes gets the normalised result, OutW x OutH of each channel; if it is nil, Pix gets it as RGB.
	Planes []float32
	Normal Statistics
	Pix    []uint8
}

// Scratch is memory that Make keeps for later views.
type Scratch struct{ bytes []uint8 }

// MostScratch bounds the memory that a view may take in between. Make leaves larger ones to Go.
const MostScratch = 256 << 20

// keptScratch is how much of it is kept.
const keptScratch = 16 << 20

// sets are the instruction sets, the best last.
var sets = []string{Go, AVX2, AVX512}

// forced is the instruction set that Use chose, as an index of sets; 0: none.
var forced atomic.Int32

// chosen is the instruction set that Variable names, or the best one.
var chosen = sync.OnceValues(func() (string, error) {
	all := Available()
	set := os.Getenv(Variable)
	if set == "" {
		return all[0], nil
	}
	if !slices.Contains(all, set) {
		return all[0], fmt.Errorf("%s is %q: on this machine and in this build it can be %s", Variable, set,
			strings.Join(all, ", "))
	}
	return set, nil
})

// Available returns the instruction sets that this processor and this build have, the best first and Go last.
func Available() []string {
	all := []string{Go}
	for _, set := range sets[1:] {
		if has(set) {
			all = slices.Insert(all, 0, set)
		}
	}
	return all
}

// InUse returns the instruction set that Make uses: the one that Variable names, or the best one. The error says that
// Variable names none that there is.
func InUse() (string, error) {
	if set := forced.Load(); set > 0 {
		return sets[set-1], nil
	}
	return chosen()
}

// Use chooses one of the Available instruction sets, for tests.
func Use(set string) { forced.Store(int32(slices.Index(sets, set)) + 1) }

// Make makes the view, or returns false if it has to be made in Go: there is no kernel, or the view would take too much
// memory. The sizes must fit the slices.
func Make(v *View, s *Scratch) bool {
	set, _ := InUse()
	if set == Go || len(v.Ops) > MostOps {
		return false
	}
	if s.bytes == nil {
		s.bytes = make([]uint8, 1<<16)
	}
	need := call(set, v, s.bytes)
	if need == 0 {
		return true
	}
	if need > MostScratch {
		return false
	}
	s.bytes = make([]uint8, need+need/4) // the next one may be a little larger
	call(set, v, s.bytes)
	if len(s.bytes) > keptScratch {
		s.bytes = nil
	}
	return true
}
