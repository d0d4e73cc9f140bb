// SPDX-License-Identifier: Apache-2.0

package torch

// #include <stdlib.h>
// #include "trampoline.h"
import "C"

import "unsafe"

// ScriptWeight is a parameter or buffer of a TorchScript module.
type ScriptWeight struct {
	Name   string // with dots between the modules, as in a state_dict: "layer1.0.conv1.weight"
	Tensor Tensor
	Buffer bool
}

// SaveScript compiles source, the TorchScript of a method forward(self, images), as a method of a module with the given
// weights, and writes the module to a file. The archive has one extra file with the given name and content. A mistake
// in source, or a file that cannot be written, ends the Scope.
func SaveScript(path, source string, weights []ScriptWeight, file, content string) {
	var texts []unsafe.Pointer
	defer func() {
		for _, t := range texts {
			C.free(t)
		}
	}()
	text := func(s string) *C.char {
		c := C.CString(s)
		texts = append(texts, unsafe.Pointer(c))
		return c
	}
	n := len(weights)
	// The array of names holds pointers to C's memory, so it lies there, too.
	names := C.malloc(C.size_t(n+1) * C.size_t(unsafe.Sizeof(uintptr(0))))
	texts = append(texts, names)
	tensors, buffers := make([]C.plx_tensor, n+1), make([]C.int, n+1)
	for i, w := range weights {
		unsafe.Slice((**C.char)(names), n)[i] = text(w.Name)
		tensors[i], buffers[i] = w.Tensor.ref(), truth(w.Buffer)
	}
	done("SaveScript", C.plx_script_save(text(path), text(source), (**C.char)(names), &tensors[0], &buffers[0],
		C.int64_t(n), text(file), text(content)))
}

// RunScript reads a TorchScript module from a file and returns forward(x). It runs what the file says: give it no file
// from a stranger.
func RunScript(path string, x Tensor) Tensor {
	p := C.CString(path)
	defer C.free(unsafe.Pointer(p))
	var y Tensor
	NoGrad(func() { y = made("RunScript", C.plx_script_run(p, x.ref())) })
	return y
}
