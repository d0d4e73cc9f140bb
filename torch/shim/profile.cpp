// SPDX-License-Identifier: Apache-2.0
//
// Which operators libtorch runs, when, on which thread: by the callbacks of ATen/record_function.h, on which PyTorch's
// own profiler is built. Without a profile there are no callbacks, so operators cost what they cost.
#include "handle.h"

#include <ATen/record_function.h>

#include <chrono>
#include <mutex>
#include <unordered_map>
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace plx {
namespace {

struct Call {
	int64_t name, thread, start, end;  // nanoseconds since the profile's start
};
static_assert(sizeof(Call) == 4 * sizeof(int64_t), "Go reads four numbers for each call");

std::mutex mutex;
bool recording = false;
int64_t origin, most, dropped;
std::vector<Call> calls;
std::unordered_map<std::string, int64_t> numbers;
std::string names;  // in the order of their numbers, each with a line feed
at::CallbackHandle handle;

int64_t now() { return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

int64_t thread() {
#ifdef __linux__
	return syscall(SYS_gettid);
#else
	return 0;
#endif
}

struct Began : at::ObserverContext {
	int64_t at = now();
};

std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction &) { return std::make_unique<Began>(); }

void end(const at::RecordFunction &f, at::ObserverContext *began) {
	int64_t until = now();
	int64_t from = static_cast<Began *>(began)->at;
	std::lock_guard<std::mutex> lock(mutex);
	if (!recording || from < origin) return;
	if (static_cast<int64_t>(calls.size()) >= most) {
		dropped++;
		return;
	}
	auto known = numbers.try_emplace(f.name(), static_cast<int64_t>(numbers.size()));
	if (known.second) names += known.first->first + "\n";
	calls.push_back({known.first->second, thread(), from - origin, until - origin});
}

}  // namespace

namespace ops {

plx_value profile_start(int64_t limit) {
	return done([&] {
		std::lock_guard<std::mutex> lock(mutex);
		if (recording) throw std::runtime_error("a profile is being made already");
		calls.clear();
		numbers.clear();
		names.clear();
		dropped = 0;
		most = limit;
		handle = at::addGlobalCallback(at::RecordFunctionCallback(begin, end).scopes({at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION}));
		origin = now();
		recording = true;
	});
}

// Returns how many calls there are, and in sizes the bytes of their names and how many calls found no room.
plx_value profile_stop(int64_t *sizes) {
	return value([&] {
		std::lock_guard<std::mutex> lock(mutex);
		if (recording) at::removeCallback(handle);
		recording = false;
		sizes[0] = static_cast<int64_t>(names.size());
		sizes[1] = dropped;
		return static_cast<int64_t>(calls.size());
	});
}

// Copies what profile_stop has announced, and forgets it.
plx_value profile_read(int64_t *out, char *text) {
	return done([&] {
		std::lock_guard<std::mutex> lock(mutex);
		std::memcpy(out, calls.data(), calls.size() * sizeof(Call));
		std::memcpy(text, names.data(), names.size());
		std::vector<Call>().swap(calls);
		numbers.clear();
		names.clear();
	});
}

}  // namespace ops
}  // namespace plx
