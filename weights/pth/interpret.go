// SPDX-License-Identifier: Apache-2.0

package pth

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/internal/safetensors"
	"github.com/parallax-ssl/parallax/weights/pickle"
)

// Limits of what is walked through. They end files whose values contain one another.
const (
	maxDepth  = 64
	maxVisits = 1 << 20
)

// understood are the globals that have a meaning here. All others are skipped and named.
var understood = []string{
	"collections.OrderedDict", "collections.defaultdict", "torch.Size", "torch.device",
	"torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3",
	"torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state",
	"torch._tensor._rebuild_from_type_v2", "torch.Tensor", "torch.nn.parameter.Parameter",
	"torch.serialization._get_layout", "torch.storage.UntypedStorage",
	"builtins.dict", "builtins.list", "builtins.set", "__builtin__.dict", "__builtin__.list", "__builtin__.set",
}

// isUnderstood also accepts the classes of storages and the types, such as torch.FloatStorage and torch.float32.
func isUnderstood(g pickle.Global) bool {
	_, isType := dtypes[g.Name]
	_, other := otherSizes[g.Name]
	if (isType || other) && (g.Module == "torch" || g.Module == "torch.cuda" || g.Module == "torch.storage") {
		return true
	}
	return slices.Contains(understood, g.String())
}

// interpret finds the tensors in the value of a pickle.
func (f *File) interpret(p *pickle.Pickle) error {
	for _, u := range p.Uses {
		if !isUnderstood(u.Global) {
			f.Foreign = append(f.Foreign, u)
		}
	}
	w := &walk{file: f, seen: map[*pickle.Object]string{}}
	if _, err := w.visit("", p.Value, 0); err != nil {
		return err
	}
	return nil
}

type walk struct {
	file   *File
	seen   map[*pickle.Object]string // and where it was first seen
	visits int
}

// visit adds the tensors in v, and reports whether there are any.
func (w *walk) visit(key string, v any, depth int) (found bool, err error) {
	if w.visits++; w.visits > maxVisits {
		return false, fmt.Errorf("it holds more than %d values: this is no checkpoint of a network", maxVisits)
	}
	if depth > maxDepth {
		return false, nil
	}
	switch v := v.(type) {
	case pickle.Tuple:
		return w.list(key, v, depth)
	case *pickle.Object:
		if t := w.file.tensor(key, v, depth); t != nil {
			if len(w.file.Tensors) == safetensors.MaxTensors {
				return false, errors.New("it holds more tensors than any network")
			}
			w.file.Tensors = append(w.file.Tensors, t)
			return true, nil
		}
		if first, again := w.seen[v]; again {
			if key != first {
				w.file.Others = append(w.file.Others, Other{key, "the same object as " + first})
			}
			return false, nil
		}
		w.seen[v] = key
		found, err = w.list(key, v.Items, depth)
		if err != nil {
			return found, err
		}
		in, err := w.dict(key, v.Entries, depth)
		if err != nil {
			return found, err
		}
		// A pickled module has its tensors in the dict of its attributes. An OrderedDict's attributes are the versions
		// of its modules, without tensors.
		state, err := w.visit(key, v.State, depth+1)
		return found || in || state, err
	}
	return false, nil
}

func (w *walk) list(key string, items []any, depth int) (found bool, err error) {
	for i, item := range items {
		switch item.(type) {
		case pickle.Tuple, *pickle.Object:
			in, err := w.visit(join(key, fmt.Sprint(i)), item, depth+1)
			if err != nil {
				return found, err
			}
			found = found || in
		}
	}
	return found, nil
}

// dict visits the entries, the last of each key. Those of the outermost dict that hold no tensor are noted.
func (w *walk) dict(key string, entries []pickle.Entry, depth int) (found bool, err error) {
	last := map[string]int{}
	for i, e := range entries {
		last[name(e.Key)] = i
	}
	for i, e := range entries {
		own := name(e.Key)
		if last[own] != i {
			continue
		}
		in, err := w.visit(join(key, own), e.Value, depth+1)
		if err != nil {
			return found, err
		}
		if !in && depth == 0 {
			w.file.Others = append(w.file.Others, Other{join(key, own), kind(e.Value)})
		}
		found = found || in
	}
	return found, nil
}

// name is a dict's key as a part of a path.
func name(key any) string {
	switch k := key.(type) {
	case string:
		return k
	case int64, float64, bool, nil:
		return fmt.Sprint(k)
	}
	return "(" + kind(key) + ")"
}

// join leaves out the dicts in which a pickled module keeps its parts, so that its tensors have the names of its
// state_dict.
func join(path, own string) string {
	switch own {
	case "_modules", "_parameters", "_buffers":
		return path
	}
	if path == "" {
		return own
	}
	return path + "." + own
}

// kind names what a value is.
func kind(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case string:
		return "text"
	case bool, int64, float64:
		return fmt.Sprint(v)
	case pickle.Tuple:
		return fmt.Sprintf("tuple of %d", len(v))
	case pickle.Global:
		return v.String()
	case *pickle.Object:
		switch n := v.Name(); {
		case n == "":
			return "the result of a call"
		case v.Class == pickle.List:
			return fmt.Sprintf("list of %d", len(v.Items))
		case v.Class == pickle.Dict || strings.HasPrefix(n, "collections."):
			return fmt.Sprintf("dict of %d", len(v.Entries))
		default:
			return n
		}
	}
	return "value"
}

// tensor returns the tensor that a call would rebuild; nil if it is another call.
func (f *File) tensor(key string, o *pickle.Object, depth int) *Tensor {
	function, ok := o.Class.(pickle.Global)
	if !ok || depth > maxDepth {
		return nil
	}
	switch function.String() {
	case "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3":
		return f.rebuild(key, function.Name, o.Args)
	case "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state":
		if data, ok := at(o.Args, 0).(*pickle.Object); ok {
			return f.tensor(key, data, depth+1)
		}
	case "torch._tensor._rebuild_from_type_v2": // a tensor with attributes: function, type, arguments, attributes
		inner, isName := at(o.Args, 0).(pickle.Global)
		args, isTuple := at(o.Args, 2).(pickle.Tuple)
		if isName && isTuple {
			return f.tensor(key, &pickle.Object{Class: inner, Args: args}, depth+1)
		}
	}
	return nil
}

// lookUp returns the value of a text key in a dict, nil if there is none.
func lookUp(v any, key string) (found any) {
	if o, ok := v.(*pickle.Object); ok {
		for _, e := range o.Entries {
			if e.Key == key {
				found = e.Value
			}
		}
	}
	return found
}

// elementSizes returns the bytes of an element of every storage that a value names, by the storage's key.
func elementSizes(v any) map[string]int {
	sizes, seen, visits := map[string]int{}, map[*pickle.Object]bool{}, 0
	var visit func(v any, depth int)
	visit = func(v any, depth int) {
		if visits++; visits > maxVisits || depth > 4*maxDepth {
			return
		}
		switch v := v.(type) {
		case pickle.Persistent:
			if class, key, ok := stored(v); ok {
				sizes[key] = max(dtypes[class.Name].Size(), otherSizes[class.Name])
				if sizes[key] == 0 {
					delete(sizes, key)
				}
			}
		case pickle.Tuple:
			for _, item := range v {
				visit(item, depth+1)
			}
		case *pickle.Object:
			if seen[v] {
				return
			}
			seen[v] = true
			visit(v.Args, depth+1)
			visit(pickle.Tuple(v.Items), depth+1)
			for _, e := range v.Entries {
				visit(e.Key, depth+1)
				visit(e.Value, depth+1)
			}
			visit(v.State, depth+1)
		}
	}
	visit(v, 0)
	return sizes
}
