// SPDX-License-Identifier: Apache-2.0

package pth

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"math/bits"

	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/internal/safetensors"
	"github.com/parallax-ssl/parallax/weights/pickle"
)

// Tensor is a tensor of a file: a view of one of its storages.
type Tensor struct {
	Key   string            // its path in the file, such as "state_dict.backbone.conv1.weight"
	DType safetensors.DType // "" if the type has no name there
	Shape []int

	file         *File
	storage      string // its key
	offset       int64  // of the first element, in elements
	strides      []int64
	elements     int64 // of the tensor
	first, after int64 // the range of the storage that it reads, in elements
	problem      error // why it cannot be read
}

// mostExpanded is how many bytes more than the file a tensor may have, whose strides repeat elements.
const mostExpanded = 16 << 20

// Read returns the elements in row-major order, each in little-endian order.
func (t *Tensor) Read() ([]byte, error) {
	if t.problem != nil {
		return nil, fmt.Errorf("tensor %s: %w", printable.Short(t.Key), t.problem)
	}
	s, ok := t.file.storages[t.storage]
	size := int64(t.DType.Size())
	if !ok || t.after > s.bytes/size {
		return nil, fmt.Errorf("tensor %s needs %d elements of the storage %s, which has fewer: the file is damaged",
			printable.Short(t.Key), t.after, printable.Short(t.storage))
	}
	if t.elements*size > t.file.size+mostExpanded {
		return nil, fmt.Errorf("tensor %s has %d elements, far more than the file holds", printable.Short(t.Key),
			t.elements)
	}
	window := make([]byte, (t.after-t.first)*size)
	if n, err := t.file.file.ReadAt(window, s.at+t.first*size); n < len(window) {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("reading tensor %s: %w", printable.Short(t.Key), err)
	}
	if s.checked && int64(len(window)) == s.bytes && crc32.ChecksumIEEE(window) != s.checksum {
		return nil, fmt.Errorf("tensor %s: its bytes do not have their checksum: the file is damaged, or was saved "+
			"without checksums: save it again", printable.Short(t.Key))
	}
	if t.contiguous() {
		return window, nil
	}
	data := make([]byte, 0, t.elements*size)
	at := make([]int, len(t.Shape))
	from := t.offset - t.first
	for range t.elements {
		data = append(data, window[from*size:(from+1)*size]...)
		for axis := len(at) - 1; axis >= 0; axis-- {
			from += t.strides[axis]
			if at[axis]++; at[axis] < t.Shape[axis] {
				break
			}
			from -= t.strides[axis] * int64(t.Shape[axis])
			at[axis] = 0
		}
	}
	return data, nil
}

// contiguous reports whether the elements lie one after the other.
func (t *Tensor) contiguous() bool {
	want := int64(1)
	for axis := len(t.Shape) - 1; axis >= 0; axis-- {
		if t.Shape[axis] > 1 && t.strides[axis] != want {
			return false
		}
		want *= int64(t.Shape[axis])
	}
	return true
}

// dtypes are the elements of PyTorch's classes of storages, and of its types.
var dtypes = map[string]safetensors.DType{
	"DoubleStorage": safetensors.F64, "FloatStorage": safetensors.F32, "HalfStorage": safetensors.F16,
	"BFloat16Storage": safetensors.BF16, "LongStorage": safetensors.I64, "IntStorage": safetensors.I32,
	"ShortStorage": safetensors.I16, "CharStorage": safetensors.I8, "ByteStorage": safetensors.U8,
	"BoolStorage": safetensors.Bool,
	"float64":     safetensors.F64, "float32": safetensors.F32, "float16": safetensors.F16,
	"bfloat16": safetensors.BF16, "int64": safetensors.I64, "int32": safetensors.I32, "int16": safetensors.I16,
	"int8": safetensors.I8, "uint8": safetensors.U8, "bool": safetensors.Bool,
}

// otherSizes are the bytes of elements that are not read, so that what follows them in a stream is found.
var otherSizes = map[string]int{"ComplexDoubleStorage": 16, "ComplexFloatStorage": 8, "QInt8Storage": 1,
	"QUInt8Storage": 1, "QInt32Storage": 4, "QUInt4x2Storage": 1, "QUInt2x4Storage": 1, "UntypedStorage": 1}

// stored reads a persistent identifier: ("storage", class, key, device, elements), in a stream with a view of another
// storage as the sixth.
func stored(v any) (class pickle.Global, key string, ok bool) {
	p, isPersistent := v.(pickle.Persistent)
	id, isTuple := p.ID.(pickle.Tuple)
	if !isPersistent || !isTuple || len(id) < 5 || id[0] != "storage" {
		return class, "", false
	}
	class, ok = id[1].(pickle.Global)
	if !ok {
		return class, "", false
	}
	key, ok = id[2].(string)
	return class, key, ok
}

// rebuild makes a tensor of the arguments of _rebuild_tensor_v2 (storage, offset, sizes, strides, ...) or of
// _rebuild_tensor_v3, whose seventh argument is the type. nil: they are not those of a tensor.
func (f *File) rebuild(key, function string, args pickle.Tuple) *Tensor {
	if len(args) < 4 {
		return nil
	}
	class, storage, ok := stored(args[0])
	if !ok {
		return nil
	}
	kind := class.Name
	if function == "_rebuild_tensor_v3" && len(args) > 6 {
		if g, ok := args[6].(pickle.Global); ok {
			kind = g.Name
		}
	}
	t := &Tensor{Key: key, DType: dtypes[kind], file: f, storage: storage}
	offset, whole := args[1].(int64)
	shape, sized := numbers(args[2])
	strides, strided := numbers(args[3])
	if !whole || !sized || !strided || len(shape) != len(strides) || len(shape) > safetensors.MaxRank {
		return nil
	}
	if id, _ := args[0].(pickle.Persistent).ID.(pickle.Tuple); len(id) > 5 && id[5] != nil {
		view, _ := id[5].(pickle.Tuple) // key, offset and size: only PyTorch 0.1 wrote such storages
		start, ok := at(view, 1).(int64)
		if !ok || start < 0 || start > math.MaxInt32 {
			t.problem = errors.New("its storage is a view of another one, which is damaged")
			return t
		}
		offset += start
	}
	t.offset, t.strides = offset, strides
	for _, side := range shape {
		if side < 0 || side > math.MaxInt32 {
			return nil
		}
		t.Shape = append(t.Shape, int(side))
	}
	if t.DType == "" {
		t.problem = fmt.Errorf("its elements are of the type %s, which is not read", printable.Short(kind))
	} else if t.problem = t.bound(); t.problem != nil {
		t.elements = 0
	}
	return t
}

func at(t pickle.Tuple, i int) any {
	if i < len(t) {
		return t[i]
	}
	return nil
}

// bound computes the range of the storage that the tensor reads, and refuses one that no file can have.
func (t *Tensor) bound() error {
	const most = 1 << 40 // elements
	t.elements = 1
	last := t.offset
	if t.offset < 0 || t.offset > most {
		return fmt.Errorf("its offset %d is out of range", t.offset)
	}
	for axis, side := range t.Shape {
		high, low := bits.Mul64(uint64(t.elements), uint64(side))
		if high != 0 || low > most {
			return fmt.Errorf("its shape %v has too many elements", t.Shape)
		}
		t.elements = int64(low)
		stride := t.strides[axis]
		if stride < 0 || stride > most {
			return fmt.Errorf("its stride %d is out of range", stride)
		}
		if side > 0 {
			if high, low = bits.Mul64(uint64(side-1), uint64(stride)); high != 0 || low > most {
				return fmt.Errorf("its strides %v are out of range", t.strides)
			}
			last += int64(low)
		}
	}
	if t.elements > 0 {
		t.first, t.after = t.offset, last+1
	}
	return nil
}

// numbers reads a tuple of whole numbers, or torch.Size of one.
func numbers(v any) (list []int64, ok bool) {
	if o, isObject := v.(*pickle.Object); isObject && o.Name() == "torch.Size" && len(o.Args) == 1 {
		v = o.Args[0]
	}
	items, ok := v.(pickle.Tuple)
	if !ok {
		return nil, false
	}
	for _, item := range items {
		n, ok := item.(int64)
		if !ok {
			return nil, false
		}
		list = append(list, n)
	}
	return list, true
}
