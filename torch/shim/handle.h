// SPDX-License-Identifier: Apache-2.0
//
// Handles, the guard around every call, and what all files of the shim share.
#pragma once
#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

extern "C" {
#include "../shim.h"
}

namespace plx {

// Throws unless the caller is a thread that may use libtorch: the one that started the engine, or a lane.
void check_thread();
// Stores t in the running scope and returns its handle; an undefined tensor is handle 0.
int64_t put(at::Tensor t);
// The tensor behind a handle; throws when its scope has ended.
const at::Tensor &get(plx_tensor handle);
// As get, but handle 0 is an undefined tensor.
at::Tensor maybe(plx_tensor handle);
std::vector<at::Tensor> list(const plx_tensor *t, int64_t n);

// From now on large tensors have pages of their own.
void own_pages();

at::ScalarType scalar_type(int dtype);
int dtype_of(at::ScalarType t);
c10::Device device();

inline at::IntArrayRef ints(const int64_t *p, int n) { return at::IntArrayRef(p, n); }

inline char *text(const std::string &s) {
	char *c = static_cast<char *>(std::malloc(s.size() + 1));
	if (c != nullptr) std::memcpy(c, s.c_str(), s.size() + 1);
	return c;
}

// Runs f and turns whatever it throws into the error text of R.
template <typename R, typename F>
R guard(F f) {
	try {
		check_thread();
		return R{f(), nullptr};
	} catch (const c10::Error &e) {
		return R{0, text(e.what_without_backtrace())};
	} catch (const std::bad_alloc &) {
		return R{0, text("out of memory")};
	} catch (const std::exception &e) {
		return R{0, text(e.what())};
	} catch (...) {
		return R{0, text("unknown C++ exception")};
	}
}

template <typename F>
plx_value tensor(F f) {
	return guard<plx_value>([&] { return put(f()); });
}
template <typename F>
plx_value value(F f) {
	return guard<plx_value>([&] { return static_cast<int64_t>(f()); });
}
template <typename F>
plx_value done(F f) {
	return guard<plx_value>([&] { f(); return int64_t{0}; });
}

// The functions of the table, defined in the other files.
#define PLX_DECLARE(result, name, params, args) result name params;
#define PLX_DECLARE_UNARY(name) plx_value name(plx_tensor);
#define PLX_DECLARE_BINARY(name) plx_value name(plx_tensor, plx_tensor);
namespace ops {
PLX_UNARY(PLX_DECLARE_UNARY)
PLX_BINARY(PLX_DECLARE_BINARY)
PLX_OPS(PLX_DECLARE)
}  // namespace ops

}  // namespace plx
