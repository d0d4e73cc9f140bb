// SPDX-License-Identifier: Apache-2.0
//
// TorchScript: writing a module to a file, and running one from a file.
#include "handle.h"

#include <cerrno>
#include <fstream>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

namespace plx {
namespace ops {
namespace {

using torch::jit::Module;

// The submodule of root that a dotted path names, made where it is missing. Each has a class of its own.
Module child(Module root, const std::string &path, const std::shared_ptr<torch::jit::CompilationUnit> &unit) {
	Module at = root;
	for (size_t from = 0; from < path.size();) {
		size_t dot = path.find('.', from);
		if (dot == std::string::npos) dot = path.size();
		std::string name = path.substr(from, dot - from), whole = path.substr(0, dot);
		if (!at.hasattr(name)) {
			for (char &c : whole)
				if (c == '.') c = '_';
			Module made(c10::QualifiedName("__torch__.parallax.part_" + whole), unit);
			made.register_attribute("training", c10::BoolType::get(), false);
			at.register_module(name, made);
		}
		at = at.attr(name).toModule();
		from = dot + 1;
	}
	return at;
}

}  // namespace

plx_value script_save(const char *path, const char *source, const char **names, const plx_tensor *t, const int *buffers, int64_t n, const char *file, const char *content) {
	return done([&] {
		auto unit = std::make_shared<torch::jit::CompilationUnit>();
		Module root(c10::QualifiedName("__torch__.parallax.Encoder"), unit);
		root.register_attribute("training", c10::BoolType::get(), false);
		for (int64_t i = 0; i < n; i++) {
			std::string name = names[i];
			size_t dot = name.rfind('.');
			bool nested = dot != std::string::npos;
			Module part = nested ? child(root, name.substr(0, dot), unit) : root;
			part.register_parameter(nested ? name.substr(dot + 1) : name, get(t[i]).detach(), buffers[i] != 0);
		}
		root.define(source);
		std::ofstream out(path, std::ios::binary | std::ios::trunc); // to a stream: the archive then has a fixed name
		root.save(out, {{file, content}});
		out.close();
		if (!out) throw std::runtime_error(std::string("writing ") + path + ": " + std::strerror(errno));
	});
}

plx_value script_run(const char *path, plx_tensor x) {
	return tensor([&] { return torch::jit::load(path, device()).forward({get(x)}).toTensor(); });
}

}  // namespace ops
}  // namespace plx
