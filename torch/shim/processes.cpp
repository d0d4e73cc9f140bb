// SPDX-License-Identifier: Apache-2.0
//
// Processes that train together: PyTorch's c10d, its stores and its process groups. Nothing of the transport is ours.
//
// A gradient is that of the mean over the processes of their losses. So what goes back through rows of all processes is
// the sum over the processes, and the parameters' gradients are averaged at the end.
#include "processes.h"

#define USE_C10D_GLOO
#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <c10/util/Logging.h>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

namespace plx {
namespace {

using Work = c10::intrusive_ptr<c10d::Work>;
using std::chrono::milliseconds;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// A group exchanges what is in the machine's memory by Gloo, and what is in a GPU's by NCCL, if it has it.
struct Members {
	Backend gloo, nccl;
	const Backend &operator()(const at::Tensor &t) const {
		if (t.is_cpu()) return gloo;
		if (nccl == nullptr) throw std::runtime_error("the group has no NCCL, which exchanges tensors of a GPU");
		return nccl;
	}
	int getSize() const { return gloo->getSize(); }
	int getRank() const { return gloo->getRank(); }
};
using Group = std::shared_ptr<const Members>;

// This process's exchanges since the start: how many there were, and the bytes of their results. A result has one size
// in every process and, for a given global batch, with any number of processes. Notes are the exception: each process
// makes one, and only the bytes of its own count.
struct Traffic {
	std::atomic<int64_t> calls{0}, bytes{0};
	void add(const at::Tensor &t) {
		calls++;
		bytes += t.numel() * t.element_size();
	}
} gathered, summed, sent, averaged, noted;

// What was opened, by number. A number is never used again.
template <typename T>
class Table {
public:
	int64_t add(T t) {
		std::lock_guard<std::mutex> hold(lock_);
		all_[++last_] = std::move(t);
		return last_;
	}
	T get(int64_t number) {
		std::lock_guard<std::mutex> hold(lock_);
		auto found = all_.find(number);
		if (found == all_.end()) throw std::runtime_error("it was closed, or never opened");
		return found->second;
	}
	void remove(int64_t number) {
		T gone;
		std::lock_guard<std::mutex> hold(lock_);
		auto found = all_.find(number);
		if (found == all_.end()) return;
		gone = std::move(found->second);
		all_.erase(found);
	}

private:
	std::mutex lock_;
	std::map<int64_t, T> all_;
	int64_t last_ = 0;
};

// They are never destroyed: threads of c10d may run when the process exits.
Table<Store> &stores() {
	static auto *all = new Table<Store>;
	return *all;
}
Table<Group> &groups() {
	static auto *all = new Table<Group>;
	return *all;
}

// As guard, for any thread: a store has a lock of its own.
template <typename F>
plx_value anywhere(F f) {
	try {
		return plx_value{static_cast<int64_t>(f()), nullptr};
	} catch (const c10::Error &e) {
		return plx_value{0, text(e.what_without_backtrace())};
	} catch (const std::exception &e) {
		return plx_value{0, text(e.what())};
	} catch (...) {
		return plx_value{0, text("unknown C++ exception")};
	}
}

void finish(const Work &work) {
	if (!work->wait()) throw std::runtime_error("the exchange was broken off");
}

// t as bytes in a row, so that every type of element can be exchanged.
at::Tensor bytes(const at::Tensor &t) { return t.reshape({-1}).view(at::kByte); }

// The equal pieces of all processes, in their order. It does not count them.
at::Tensor all_equal(const Group &g, const at::Tensor &t) {
	at::Tensor in = t.contiguous();
	std::vector<int64_t> shape = in.sizes().vec();
	shape.insert(shape.begin(), g->getSize());
	at::Tensor out = at::empty(shape, in.options());
	if (in.numel() == 0) return out;
	at::Tensor from = bytes(in), to = bytes(out);
	finish((*g)(from)->_allgather_base(to, from));
	return out;
}

// The shape of what one process has, and its type, in numbers.
constexpr int64_t most_dims = 6;

at::Tensor described(const at::Tensor &t) {
	if (t.dim() < 1 || t.dim() > most_dims) throw std::runtime_error("rows of all processes: a tensor of " + std::to_string(t.dim()) + " dimensions has no rows, or too many dimensions");
	at::Tensor d = at::zeros({2 + most_dims}, at::kLong);
	auto *at = d.data_ptr<int64_t>();
	at[0] = static_cast<int64_t>(t.scalar_type());
	at[1] = t.dim();
	for (int64_t i = 0; i < t.dim(); i++) at[2 + i] = t.size(i);
	return d;
}

// How many rows each process has. They must differ in nothing else.
std::vector<int64_t> row_counts(const Group &g, const at::Tensor &t) {
	at::Tensor own = described(t), all = all_equal(g, own);
	noted.add(own);
	const auto *mine = own.data_ptr<int64_t>(), *at = all.data_ptr<int64_t>();
	std::vector<int64_t> counts;
	for (int64_t p = 0; p < all.size(0); p++, at += own.numel()) {
		for (int64_t i = 0; i < own.numel(); i++)
			if (i != 2 && at[i] != mine[i]) throw std::runtime_error("rows of all processes: those of process " + std::to_string(p) + " have another shape or type than those of process " + std::to_string(g->getRank()));
		counts.push_back(at[2]);
	}
	return counts;
}

void add_up(const Group &g, at::Tensor &t) {
	std::vector<at::Tensor> one{t};
	summed.add(t);
	finish((*g)(t)->allreduce(one));
}

// The rows of all processes. Its gradient is the sum over the processes of the gradients of the own rows.
struct GatherRows : torch::autograd::Function<GatherRows> {
	static at::Tensor forward(AutogradContext *ctx, const at::Tensor &t, int64_t group) {
		Group g = groups().get(group);
		auto counts = row_counts(g, t);
		int64_t most = *std::max_element(counts.begin(), counts.end()), from = 0;
		for (int p = 0; p < g->getRank(); p++) from += counts[p];
		ctx->saved_data["group"] = group;
		ctx->saved_data["from"] = from;
		ctx->saved_data["rows"] = t.size(0);
		bool equal = std::all_of(counts.begin(), counts.end(), [&](int64_t n) { return n == most; });
		at::Tensor in = t;
		if (!equal) {
			auto shape = t.sizes().vec();
			shape[0] = most;
			in = at::zeros(shape, t.options());
			in.narrow(0, 0, t.size(0)).copy_(t);
		}
		at::Tensor all = all_equal(g, in);
		gathered.add(all);
		if (equal) return all.flatten(0, 1);
		std::vector<at::Tensor> parts;
		for (size_t p = 0; p < counts.size(); p++) parts.push_back(all[p].narrow(0, 0, counts[p]));
		return at::cat(parts, 0);
	}

	static variable_list backward(AutogradContext *ctx, variable_list gradients) {
		at::Tensor all = gradients[0];
		auto type = all.scalar_type();
		bool wide = type == at::kDouble || type == at::kFloat;
		all = (wide ? all : all.to(at::kFloat)).contiguous().clone();
		add_up(groups().get(ctx->saved_data["group"].toInt()), all);
		return {all.narrow(0, ctx->saved_data["from"].toInt(), ctx->saved_data["rows"].toInt()).to(type), at::Tensor()};
	}
};

struct SumOfAll : torch::autograd::Function<SumOfAll> {
	static at::Tensor forward(AutogradContext *ctx, const at::Tensor &t, int64_t group) {
		ctx->saved_data["group"] = group;
		at::Tensor out = t.contiguous().clone();
		add_up(groups().get(group), out);
		return out;
	}
	static variable_list backward(AutogradContext *ctx, variable_list gradients) {
		at::Tensor out = gradients[0].contiguous().clone();
		add_up(groups().get(ctx->saved_data["group"].toInt()), out);
		return {out, at::Tensor()};
	}
};

// The gradients of parameters, averaged over the processes in buckets. The exchange of a bucket begins as soon as
// backward has added its last gradient; buckets begin in one order in every process.
class Buckets {
public:
	Buckets(int64_t group, std::vector<at::Tensor> of, int64_t size) : group_(groups().get(group)), of_(std::move(of)) {
		int64_t room = 0;
		at::ScalarType type{};
		for (size_t i = of_.size(); i-- > 0;) {  // backward reaches the last ones first
			int64_t bytes = of_[i].numel() * of_[i].element_size();
			if (all_.empty() || room < bytes || of_[i].scalar_type() != type) {
				all_.emplace_back();
				room = size;
				type = of_[i].scalar_type();
			}
			room -= bytes;
			all_.back().members.push_back(i);
			where_[of_[i].unsafeGetTensorImpl()] = all_.size() - 1;
		}
		for (auto &b : all_) b.left = b.members.size();
		for (auto &t : of_) torch::autograd::impl::set_post_acc_grad_hooks(t, std::make_unique<Hook>(this));
	}
	~Buckets() { unhook(); }

	// Begins what is left, waits for all, and sets the gradients.
	void end() {
		unhook();
		if (failed_) std::rethrow_exception(failed_);
		while (next_ < all_.size()) begin(all_[next_++]);
		double share = 1.0 / group_->getSize();
		for (auto &b : all_) {
			finish(b.work);
			b.flat.mul_(share);
			int64_t at = 0;
			for (size_t i : b.members) {
				at::Tensor &p = of_[i];
				at::Tensor g = b.flat.narrow(0, at, p.numel());
				at += p.numel();
				if (p.grad().defined()) {
					p.grad().view_as(p.grad()).copy_(g.view(p.sizes()));
				} else {
					p.mutable_grad() = g.view(p.sizes()).clone();
				}
			}
			b.flat = at::Tensor();
		}
	}

private:
	struct Bucket {
		std::vector<size_t> members;
		size_t left = 0;  // gradients that are not there yet
		at::Tensor flat;
		Work work;
	};
	struct Hook : torch::autograd::PostAccumulateGradHook {
		explicit Hook(Buckets *all) : all(all) {}
		void operator()(const at::Tensor &t) override { all->ready(t); }
		Buckets *all;
	};

	void unhook() {
		for (auto &t : of_) torch::autograd::impl::set_post_acc_grad_hooks(t, nullptr);
	}

	void ready(const at::Tensor &t) {
		if (failed_) return;
		try {
			auto &b = all_[where_.at(t.unsafeGetTensorImpl())];
			if (b.left > 0) b.left--;
			while (next_ < all_.size() && all_[next_].left == 0) begin(all_[next_++]);
		} catch (...) {
			failed_ = std::current_exception();
		}
	}

	void begin(Bucket &b) {
		int64_t n = 0;
		for (size_t i : b.members) n += of_[i].numel();
		b.flat = at::zeros({n}, of_[b.members[0]].options().requires_grad(false));
		int64_t at = 0;
		for (size_t i : b.members) {
			const at::Tensor &g = of_[i].grad();
			if (g.defined()) b.flat.narrow(0, at, of_[i].numel()).view(of_[i].sizes()).copy_(g);
			at += of_[i].numel();
		}
		std::vector<at::Tensor> one{b.flat};
		averaged.add(b.flat);
		b.work = (*group_)(b.flat)->allreduce(one);
	}

	Group group_;
	std::vector<at::Tensor> of_;
	std::vector<Bucket> all_;
	std::map<const void *, size_t> where_;
	size_t next_ = 0;
	std::exception_ptr failed_;
};

std::unique_ptr<Buckets> buckets;  // those that are filled; only libtorch's own thread uses them

}  // namespace

OpenNCCL &open_nccl() {
	static OpenNCCL open = nullptr;
	return open;
}

at::Tensor rows_of_all(int64_t group, const at::Tensor &row) {
	noted.add(row);
	return all_equal(groups().get(group), row.detach());
}

int64_t processes(int64_t group) { return groups().get(group)->getSize(); }

at::Tensor sum_of_all(int64_t group, const at::Tensor &t) { return SumOfAll::apply(t, group); }

namespace ops {

// listener is a socket that listens already, at least 0, which the store takes over; -1: the store makes one.
plx_value store_open(const char *host, int64_t port, int server, int64_t listener, const char *file, int64_t processes, int64_t wait) {
	return anywhere([&] {
		if (std::getenv("TORCH_CPP_LOG_LEVEL") == nullptr) FLAGS_caffe2_log_level = 3;  // errors are returned, not written
		if (file != nullptr && *file != 0) {
			Store s = c10::make_intrusive<c10d::FileStore>(file, static_cast<int>(processes));
			s->setTimeout(milliseconds(wait));
			return stores().add(s);
		}
		c10d::TCPStoreOptions o;
		o.port = static_cast<uint16_t>(port);
		o.isServer = server != 0;
		if (listener >= 0) o.masterListenFd = static_cast<int>(listener);
		o.waitWorkers = false;
		o.multiTenant = true;
		o.timeout = milliseconds(wait);
		return stores().add(c10::make_intrusive<c10d::TCPStore>(host, o));
	});
}

plx_value store_port(int64_t store) {
	return anywhere([&]() -> int64_t {
		auto *tcp = dynamic_cast<c10d::TCPStore *>(stores().get(store).get());
		return tcp == nullptr ? 0 : tcp->getPort();
	});
}

plx_value store_set(int64_t store, const char *key, const char *value) {
	return anywhere([&] {
		stores().get(store)->set(key, std::string(value));
		return 0;
	});
}

// Waits until the key is there, and returns the length of its value, of which out gets as much as there is room for.
plx_value store_get(int64_t store, const char *key, int64_t wait, char *out, int64_t room) {
	return anywhere([&] {
		Store s = stores().get(store);
		s->wait({key}, milliseconds(wait));
		std::string v = s->get_to_str(key);
		std::memcpy(out, v.data(), std::min<size_t>(v.size(), room));
		return static_cast<int64_t>(v.size());
	});
}

plx_value store_has(int64_t store, const char *key) {
	return anywhere([&] { return stores().get(store)->check({key}) ? 1 : 0; });
}

plx_value store_add(int64_t store, const char *key, int64_t n) {
	return anywhere([&] { return stores().get(store)->add(key, n); });
}

plx_value store_delete(int64_t store, const char *key) {
	return anywhere([&] { return stores().get(store)->deleteKey(key) ? 1 : 0; });
}

plx_value store_close(int64_t store) {
	return anywhere([&] {
		stores().remove(store);
		return 0;
	});
}

// nccl: 1: with NCCL; 0: without; -1: with it if the tensors are made on a GPU.
plx_value group_open(int64_t store, const char *name, int rank, int processes, const char *host, int64_t wait, int nccl) {
	return value([&] {
		auto o = c10d::ProcessGroupGloo::Options::create(milliseconds(wait));
		o->devices.push_back(host == nullptr || *host == 0 ? c10d::ProcessGroupGloo::createDefaultDevice() : c10d::ProcessGroupGloo::createDeviceForHostname(host));
		Store named = c10::make_intrusive<c10d::PrefixStore>(name, stores().get(store));
		auto g = std::make_shared<Members>();
		if (nccl > 0 || (nccl < 0 && device().is_cuda())) {
			if (open_nccl() == nullptr) throw std::runtime_error("this engine library has no NCCL: build one with LIBTORCH=/path to a libtorch for CUDA");
			g->nccl = open_nccl()(c10::make_intrusive<c10d::PrefixStore>("nccl", named), rank, processes, milliseconds(wait));
		}
		g->gloo = c10::make_intrusive<c10d::ProcessGroupGloo>(named, rank, processes, o);
		return groups().add(g);
	});
}

plx_value group_close(int64_t group) {
	return done([&] { groups().remove(group); });
}

plx_value gather_rows(int64_t group, plx_tensor t) {
	return tensor([&] { return GatherRows::apply(get(t), group); });
}

plx_value all_sum(int64_t group, const plx_tensor *t, int64_t n) {
	return done([&] {
		Group g = groups().get(group);
		for (at::Tensor one : list(t, n)) {
			at::Tensor flat = one.detach().contiguous().clone();
			add_up(g, flat);
			one.detach().copy_(flat);
		}
	});
}

plx_value broadcast(int64_t group, const plx_tensor *t, int64_t n, int from) {
	return done([&] {
		Group g = groups().get(group);
		for (at::Tensor one : list(t, n)) {
			at::Tensor whole = one.detach().contiguous();
			if (whole.numel() == 0) continue;
			std::vector<at::Tensor> flat{bytes(whole)};
			c10d::BroadcastOptions o;
			o.rootRank = from;
			sent.add(whole);
			finish((*g)(whole)->broadcast(flat, o));
			if (whole.data_ptr() != one.data_ptr()) one.detach().copy_(whole);
		}
	});
}

plx_value traffic(int64_t *out) {
	return done([&] {
		for (auto *t : {&gathered, &summed, &sent, &averaged, &noted}) {
			*out++ = t->calls;
			*out++ = t->bytes;
		}
	});
}

plx_value buckets_begin(int64_t group, const plx_tensor *t, int64_t n, int64_t size) {
	return done([&] {
		buckets.reset();  // of a step that failed
		buckets = std::make_unique<Buckets>(group, list(t, n), size);
	});
}

plx_value buckets_end(void) {
	return done([&] {
		if (buckets == nullptr) throw std::runtime_error("no buckets were begun");
		std::unique_ptr<Buckets> all = std::move(buckets);
		all->end();
	});
}

}  // namespace ops
}  // namespace plx
