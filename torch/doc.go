// SPDX-License-Identifier: Apache-2.0

// Package torch is the only package that reaches libtorch. It offers the operations Parallax uses, not all of them.
//
// # Lifetime
//
// A [Tensor] belongs to the [Scope] in which it was made and is freed when that scope ends. [Tensor.Keep] hands it to
// the scope around it; [Tensor.Own] takes it out of all scopes, to be freed by [Free]. Nothing is left to finalizers.
// Using a tensor after its scope has ended is an error.
//
// # Threads
//
// libtorch keeps its gradient mode, its autocast mode and its OpenMP team per OS thread, and an unlocked goroutine
// moves between threads. So one locked OS thread owns libtorch. Scope runs its function on that thread, whichever
// goroutine calls it, and runs one outermost scope at a time. Pixels cross goroutines, tensors do not.
//
// # Errors
//
// Operations panic with *[Error], and only Scope recovers it, so formulas read as formulas. Everything else in the
// module returns errors.
//
// # The shared library
//
// The operations are a C++ library of their own (torch/shim), opened at run time. So Go code builds without libtorch,
// and the first Scope reports a missing engine in one sentence. [Load] says where it looks for the library.
package torch
