// SPDX-License-Identifier: Apache-2.0

package safetensors

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// some makes up a file's contents.
func some(r *rand.Rand) ([]Tensor, map[string]string) {
	letters := []rune("ab.0\"\\\n\u00e9\u4e16\U0001F600")
	word := func() string {
		text := make([]rune, r.IntN(6))
		for i := range text {
			text[i] = letters[r.IntN(len(letters))]
		}
		return string(text)
	}
	var tensors []Tensor
	for i := range r.IntN(8) {
		t := Tensor{Name: fmt.Sprintf("%s%d", word(), i), DType: ranks[r.IntN(len(ranks))], Shape: []int{}}
		n := t.DType.Size()
		for range r.IntN(4) {
			side := r.IntN(4)
			t.Shape = append(t.Shape, side)
			n *= side
		}
		t.Data = make([]byte, n)
		for j := range t.Data {
			t.Data[j] = byte(r.Uint32())
		}
		tensors = append(tensors, t)
	}
	metadata := map[string]string{}
	for range r.IntN(4) {
		metadata[word()] = word()
	}
	return tensors, metadata
}

var byName = cmpopts.SortSlices(func(a, b Tensor) bool { return a.Name < b.Name })

func TestRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		tensors, metadata := some(r)
		var first bytes.Buffer
		if err := Write(&first, tensors, metadata); err != nil {
			t.Fatal(err)
		}
		f, err := Parse(bytes.NewReader(first.Bytes()), int64(first.Len()))
		if err != nil {
			t.Fatalf("%v\n%q", err, first.Bytes())
		}
		back, err := f.Tensors()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tensors, back, byName, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
		if diff := cmp.Diff(metadata, f.Metadata); diff != "" {
			t.Fatal(diff)
		}
		var second bytes.Buffer
		r.Shuffle(len(tensors), func(i, j int) { tensors[i], tensors[j] = tensors[j], tensors[i] })
		if err := Write(&second, tensors, metadata); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Fatal("the order of the tensors changed the bytes")
		}
		for _, name := range f.Names {
			if info := f.infos[name]; info.Offset%int64(info.DType.Size()) != 0 {
				t.Fatalf("%q of %s is not aligned", name, info.DType)
			}
		}
	}
}

// zeros is a tensor of n elements, whatever shape it is said to have.
func zeros(name string, of DType, n int, shape ...int) Tensor {
	return Tensor{Name: name, DType: of, Shape: shape, Data: make([]byte, n*of.Size())}
}

func TestWriteRefuses(t *testing.T) {
	ok := zeros("a", F32, 1, 1)
	for want, tensors := range map[string][]Tensor{
		"two tensors":       {ok, ok},
		"keeps this name":   {zeros("__metadata__", I64, 0, 0)},
		"not valid UTF-8":   {zeros("\xff", F64, 0, 0)},
		"needs 8 bytes":     {zeros("a", F32, 1, 2)},
		"negative side":     {zeros("a", F32, 1, -1)},
		"is not one of the": {{Name: "a", DType: "F31", Shape: []int{0}}},
		"more elements":     {{Name: "a", DType: F32, Shape: []int{1 << 40, 1 << 40}}},
		"more than 64":      {zeros("a", F32, 1, make([]int, 65)...)},
	} {
		var b bytes.Buffer
		if err := Write(&b, tensors, nil); err == nil || !strings.Contains(err.Error(), want) || b.Len() > 0 {
			t.Errorf("Write = %v after %d bytes, want an error with %q and nothing written", err, b.Len(), want)
		}
	}
	if err := Write(&bytes.Buffer{}, nil, map[string]string{"k": "\xff"}); err == nil {
		t.Error("metadata that is not UTF-8 was written")
	}
}

type full struct{ left int }

var errFull = errors.New("no space left on device")

func (f *full) Write(p []byte) (int, error) {
	if len(p) > f.left {
		return f.left, errFull
	}
	f.left -= len(p)
	return len(p), nil
}

func TestWriteReportsAFullDisk(t *testing.T) {
	tensors := []Tensor{zeros("a", F64, 2, 2), zeros("b", I64, 1, 1)}
	var b bytes.Buffer
	if err := Write(&b, tensors, nil); err != nil {
		t.Fatal(err)
	}
	for n := range b.Len() {
		if err := Write(&full{left: n}, tensors, nil); !errors.Is(err, errFull) {
			t.Errorf("with room for %d bytes: %v", n, err)
		}
	}
}
