// SPDX-License-Identifier: Apache-2.0

// Package torch is the only package that reaches libtorch. It offers the operations Parallax uses, not all of them.
//
// # Lifetime
//
// A [Tensor] belongs to the [Scope] in which it was made and is freed when that scope ends, unless it was handed to
// the scope around it ([Tensor.Keep]) or taken out of scopes altogether ([Tensor.Own], to be freed by [Free]). Nothing
// is left to finalizers. A tensor used after its scope ended is answered with an error.
//
// # Threads
//
// libtorch keeps its gradient mode, its autocast mode and its OpenMP team per OS thread, and an unlocked goroutine
// moves between threads. So one locked OS thread owns libtorch: Scope runs its function there, from whatever goroutine
// it is called, one outermost scope at a time. Pixels cross goroutines, tensors do not.
//
// # Errors
//
// Operations panic with *[Error], and only Scope recovers it, so formulas read as formulas. Everything else in the
// module returns errors.
//
// # The shared library
//
// The operations are a C++ library of their own (torch/shim), opened at run time: Go code builds without libtorch, and
// a missing engine is one clear sentence from the first Scope. [Load] says where it is looked for.
package torch
