// SPDX-License-Identifier: Apache-2.0
//
// The table itself, the handle slots, and what concerns the engine as a whole.
#include "convolution.h"
#include "handle.h"
#include "processes.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/ThreadLocalState.h>
#include <ATen/Version.h>
#include <ATen/autocast_mode.h>
#include <c10/core/GradMode.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/version.h>

#include <atomic>
#include <memory>
#include <mutex>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace plx {
namespace {

struct Slot {
	at::Tensor tensor;
	uint32_t generation = 1;
	bool used = false;
};

// The slots lie in blocks that never move, so that one thread can read its slots while another one makes new ones. Only
// making and freeing take the lock: a slot's content is one thread's, or is only read.
constexpr uint32_t block_slots = 1024, most_blocks = 1 << 16;
std::atomic<Slot *> blocks[most_blocks];
std::mutex table_lock;
uint32_t made_slots = 0;
std::vector<uint32_t> vacant;

std::atomic<bool> started{false};
c10::Device current(c10::kCPU);

// What belongs to a thread: whether libtorch is its to use, its number (0 is the thread that started the engine), and
// its scopes, of which the last is the running one.
thread_local bool mine = false;
thread_local int number = 0;
thread_local std::vector<std::vector<plx_tensor>> scopes;

Slot &at_index(uint32_t index) { return blocks[index / block_slots].load(std::memory_order_acquire)[index % block_slots]; }

Slot &slot(plx_tensor handle) {
	if (handle == 0) throw std::runtime_error("no tensor (the zero Tensor was used)");
	uint32_t index = static_cast<uint32_t>(handle), generation = static_cast<uint32_t>(handle >> 32);
	Slot *block = index / block_slots < most_blocks ? blocks[index / block_slots].load(std::memory_order_acquire) : nullptr;
	if (block == nullptr || !block[index % block_slots].used || block[index % block_slots].generation != generation)
		throw std::runtime_error("a tensor was used after its scope ended: Keep it, or Own it");
	return block[index % block_slots];
}

// The scope that runs on this thread.
std::vector<plx_tensor> &scope() {
	if (scopes.empty()) throw std::runtime_error("a tensor was made outside a scope");
	return scopes.back();
}

// Takes a handle out of the running scope; whether it was there.
bool leave(plx_tensor handle) {
	if (scopes.empty()) return false;
	auto &made = scopes.back();
	for (auto i = made.rbegin(); i != made.rend(); ++i) {  // the newest is the likeliest
		if (*i != handle) continue;
		made.erase(std::next(i).base());
		return true;
	}
	return false;
}

void drop(plx_tensor handle) {
	Slot &s = slot(handle);
	at::Tensor gone = std::move(s.tensor);  // its memory is freed without the lock
	std::lock_guard<std::mutex> hold(table_lock);
	s.used = false;
	s.generation = (s.generation + 1) & 0x7fffffff;
	if (s.generation == 0) s.generation = 1;
	vacant.push_back(static_cast<uint32_t>(handle));
}

}  // namespace

void check_thread() {
	if (!started) throw std::runtime_error("the engine has not been started");
	if (!mine) throw std::runtime_error("a tensor was used outside torch.Scope");
}

int64_t put(at::Tensor t) {
	if (!t.defined()) return 0;
	auto &made = scope();
	uint32_t index;
	{
		std::lock_guard<std::mutex> hold(table_lock);
		if (vacant.empty()) {
			if (made_slots % block_slots == 0) {
				if (made_slots / block_slots == most_blocks) throw std::runtime_error("too many tensors");
				blocks[made_slots / block_slots].store(new Slot[block_slots], std::memory_order_release);
			}
			index = made_slots++;
		} else {
			index = vacant.back();
			vacant.pop_back();
		}
		at_index(index).used = true;
	}
	Slot &s = at_index(index);
	s.tensor = std::move(t);
	int64_t handle = static_cast<int64_t>(s.generation) << 32 | index;
	made.push_back(handle);
	return handle;
}

const at::Tensor &get(plx_tensor handle) { return slot(handle).tensor; }

at::Tensor maybe(plx_tensor handle) { return handle == 0 ? at::Tensor() : get(handle); }

std::vector<at::Tensor> list(const plx_tensor *t, int64_t n) {
	std::vector<at::Tensor> out;
	out.reserve(n);
	for (int64_t i = 0; i < n; i++) out.push_back(get(t[i]));
	return out;
}

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

// local: which of its machine's processes this is. A GPU without a number is then the one with this number.
plx_value start(const char *name, int local) {
	// Each step frees and reallocates large activations: keep them from going back to the kernel.
#ifdef __GLIBC__
	if (!mallopt(M_MMAP_THRESHOLD, 1 << 30)) mallopt(M_MMAP_MAX, 0);
	mallopt(M_TRIM_THRESHOLD, -1);
#endif
	own_pages();
	mine = started = true;
	return done([&] {
		c10::Device d{std::string(name)};
		if (d.is_cuda()) {
			// A launcher may show each process only a GPU of its own.
			int gpus = static_cast<int>(at::getNumGPUs());
			if (gpus == 0) throw std::runtime_error("no GPU for CUDA was found");
			if (!d.has_index()) d.set_index(static_cast<c10::DeviceIndex>(local % gpus));
			c10::impl::VirtualGuardImpl(d.type()).setDevice(d);
		}
		current = d;
	});
}

plx_value free_tensors(const plx_tensor *t, int64_t n) {
	return done([&] {
		for (int64_t i = 0; i < n; i++) leave(t[i]);
		for (int64_t i = 0; i < n; i++) drop(t[i]);
	});
}
plx_value live_tensors(void) {
	return value([] {
		std::lock_guard<std::mutex> hold(table_lock);
		return static_cast<int64_t>(made_slots - vacant.size());
	});
}

plx_value scope_begin(void) {
	return done([] { scopes.emplace_back(); });
}
// The handles of the running scope, for the debug build; returns how many there are.
plx_value scope_made(plx_tensor *out, int64_t room) {
	return value([&] {
		auto &made = scope();
		for (int64_t i = 0; i < room && i < static_cast<int64_t>(made.size()); i++) out[i] = made[i];
		return static_cast<int64_t>(made.size());
	});
}
// Frees each handle once: an operation that returns its own argument does not make a second handle.
plx_value scope_end(void) {
	return done([] {
		std::vector<plx_tensor> made = std::move(scope());
		scopes.pop_back();
		for (plx_tensor t : made) drop(t);
	});
}
plx_value scope_keep(plx_tensor t) {
	return done([&] {
		if (scopes.size() > 1 && leave(t)) scopes[scopes.size() - 2].push_back(t);
	});
}
plx_value scope_own(plx_tensor t) {
	return done([&] {
		if (!leave(t)) throw std::runtime_error("the running scope does not hold this tensor");
	});
}

// Another handle of the same tensor.
plx_value again(plx_tensor t) {
	return tensor([&] { return get(t); });
}

// What autograd and autocast are set to on this thread, for other threads.
plx_value settings(void) {
	return value([] { return static_cast<int64_t>(reinterpret_cast<intptr_t>(new at::ThreadLocalState())); });
}
plx_value settings_free(int64_t settings) {
	return done([&] { delete reinterpret_cast<at::ThreadLocalState *>(static_cast<intptr_t>(settings)); });
}

// Makes the calling thread one that may use libtorch, with one thread for an operation.
plx_value lane_start(int n) {
	mine = started.load();
	number = n;
	return done([] { at::set_num_threads(1); });
}
plx_value lane_number(void) {
	return value([] { return number; });
}
// From here to lane_end the thread has another one's settings and a scope.
plx_value lane_begin(int64_t settings) {
	return done([&] {
		at::ThreadLocalState::setThreadLocalState(*reinterpret_cast<at::ThreadLocalState *>(static_cast<intptr_t>(settings)));
		scopes.emplace_back();
	});
}
// Ends the scope and returns its handles, which another thread takes over.
plx_value lane_end(void) {
	return value([] {
		auto *made = new std::vector<plx_tensor>(std::move(scope()));
		scopes.pop_back();
		return static_cast<int64_t>(reinterpret_cast<intptr_t>(made));
	});
}
plx_value lane_take(int64_t made) {
	return done([&] {
		std::unique_ptr<std::vector<plx_tensor>> from(reinterpret_cast<std::vector<plx_tensor> *>(static_cast<intptr_t>(made)));
		auto &to = scope();
		to.insert(to.end(), from->begin(), from->end());
	});
}
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

plx_value grad_mode(void) {
	return value([] { return c10::GradMode::is_enabled(); });
}
plx_value autocast(void) {
	return value([] { return at::autocast::is_autocast_enabled(current.type()); });
}

// One "key: value" a line.
plx_value describe(char *out, int64_t size) {
	return done([&] {
		std::string s = std::string("libtorch: ") + TORCH_VERSION + "\ncpu capability: " + at::get_cpu_capability() +
						"\nthreads: " + std::to_string(at::get_num_threads()) + "\nown convolutions: " + own_convolutions() + "\nonednn: " + (at::globalContext().hasMKLDNN() ? "yes" : "no") +
						"\nmkl: " + (at::globalContext().hasMKL() ? "yes" : "no") + "\ncuda: " + (at::globalContext().hasCUDA() ? "yes" : "no") + "\nnccl: " + (open_nccl() != nullptr ? "yes" : "no") + "\n";
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
