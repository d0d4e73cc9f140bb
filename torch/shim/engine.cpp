// SPDX-License-Identifier: Apache-2.0
//
// The table itself, the handle slots, and what concerns the engine as a whole.
#include "handle.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/autocast_mode.h>
#include <c10/core/GradMode.h>
#include <torch/version.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <pthread.h>

namespace plx {
namespace {

struct Slot {
	at::Tensor tensor;
	uint32_t generation = 1;
	bool used = false;
};
std::vector<Slot> slots;
std::vector<uint32_t> vacant;
pthread_t owner;
bool started = false;
c10::Device current(c10::kCPU);

Slot &slot(plx_tensor handle) {
	if (handle == 0) throw std::runtime_error("no tensor (the zero Tensor was used)");
	uint32_t index = static_cast<uint32_t>(handle), generation = static_cast<uint32_t>(handle >> 32);
	if (index >= slots.size() || !slots[index].used || slots[index].generation != generation)
		throw std::runtime_error("a tensor was used after its scope ended: Keep it, or Own it");
	return slots[index];
}

}  // namespace

void check_thread() {
	if (!started) throw std::runtime_error("the engine has not been started");
	if (!pthread_equal(owner, pthread_self())) throw std::runtime_error("a tensor was used outside torch.Scope");
}

int64_t put(at::Tensor t) {
	if (!t.defined()) return 0;
	uint32_t index;
	if (vacant.empty()) {
		index = static_cast<uint32_t>(slots.size());
		slots.emplace_back();
	} else {
		index = vacant.back();
		vacant.pop_back();
	}
	slots[index].tensor = std::move(t);
	slots[index].used = true;
	return static_cast<int64_t>(slots[index].generation) << 32 | index;
}

const at::Tensor &get(plx_tensor handle) { return slot(handle).tensor; }

at::Tensor maybe(plx_tensor handle) { return handle == 0 ? at::Tensor() : get(handle); }

std::vector<at::Tensor> list(const plx_tensor *t, int64_t n) {
	std::vector<at::Tensor> out;
	out.reserve(n);
	for (int64_t i = 0; i < n; i++) out.push_back(get(t[i]));
	return out;
}

void drop(plx_tensor handle) {
	Slot &s = slot(handle);
	s.tensor.reset();
	s.used = false;
	s.generation = (s.generation + 1) & 0x7fffffff;
	if (s.generation == 0) s.generation = 1;
	vacant.push_back(static_cast<uint32_t>(handle));
}

int64_t live() { return static_cast<int64_t>(slots.size() - vacant.size()); }

c10::Device device() { return current; }

static const at::ScalarType kinds[] = {at::kDouble, at::kFloat, at::kHalf, at::kBFloat16, at::kLong, at::kInt, at::kShort, at::kChar, at::kByte, at::kBool};

at::ScalarType scalar_type(int dtype) {
	if (dtype < 0 || dtype > PLX_BOOL) throw std::runtime_error("unknown dtype");
	return kinds[dtype];
}

int dtype_of(at::ScalarType t) {
	for (int i = 0; i <= PLX_BOOL; i++)
		if (kinds[i] == t) return i;
	throw std::runtime_error(std::string("dtype not supported: ") + c10::toString(t));
}

namespace ops {

plx_value start(const char *name) {
	// Each step frees and reallocates large activations: keep them from going back to the kernel.
#ifdef __GLIBC__
	if (!mallopt(M_MMAP_THRESHOLD, 1 << 30)) mallopt(M_MMAP_MAX, 0);
	mallopt(M_TRIM_THRESHOLD, -1);
#endif
	owner = pthread_self();
	started = true;
	return done([&] { current = c10::Device(std::string(name)); });
}

plx_value free_tensors(const plx_tensor *t, int64_t n) {
	return done([&] { for (int64_t i = 0; i < n; i++) drop(t[i]); });
}
plx_value live_tensors(void) { return value([] { return live(); }); }
plx_value set_threads(int n) { return done([&] { at::set_num_threads(n); }); }

plx_value set_grad_mode(int on) {
	return value([&] {
		bool was = c10::GradMode::is_enabled();
		c10::GradMode::set_enabled(on != 0);
		return was;
	});
}

plx_value set_autocast(int on) {
	return value([&] {
		bool was = at::autocast::is_autocast_enabled(current.type());
		at::autocast::set_autocast_enabled(current.type(), on != 0);
		at::autocast::set_autocast_dtype(current.type(), at::kBFloat16);
		if (!on) at::autocast::clear_cache();
		return was;
	});
}

// One "key: value" a line.
plx_value describe(char *out, int64_t size) {
	return done([&] {
		std::string s = std::string("libtorch: ") + TORCH_VERSION + "\ncpu capability: " + at::get_cpu_capability() +
						"\nthreads: " + std::to_string(at::get_num_threads()) + "\nonednn: " + (at::globalContext().hasMKLDNN() ? "yes" : "no") +
						"\nmkl: " + (at::globalContext().hasMKL() ? "yes" : "no") + "\ncuda: " + (at::globalContext().hasCUDA() ? "yes" : "no") + "\n";
		if (static_cast<int64_t>(s.size()) >= size) throw std::runtime_error("the buffer is too small");
		std::memcpy(out, s.c_str(), s.size() + 1);
	});
}

}  // namespace ops
}  // namespace plx

static const plx_table table = {
#define PLX_ENTRY(result, name, params, args) plx::ops::name,
#define PLX_ENTRY_ONE(name) plx::ops::name,
	PLX_UNARY(PLX_ENTRY_ONE)
	PLX_BINARY(PLX_ENTRY_ONE)
	PLX_OPS(PLX_ENTRY)
};

extern "C" __attribute__((visibility("default"))) const plx_table *plx_open(int version) {
	return version == PLX_VERSION ? &table : nullptr;
}
