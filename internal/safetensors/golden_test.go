// SPDX-License-Identifier: Apache-2.0

package safetensors

import (
	"bytes"
	"math"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The files in testdata were written by Python's safetensors 0.8.0 (safetensors.numpy.save_file).

func open(t *testing.T, path string) *File {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestReadsPython(t *testing.T) {
	f := open(t, "testdata/all.safetensors")
	if diff := cmp.Diff(map[string]string{"format": "pt"}, f.Metadata); diff != "" {
		t.Error(diff)
	}
	shapes := map[string][]int{
		"f64": {3}, "f32": {2, 3}, "f16": {6}, "i64": {1, 2}, "i32": {2}, "i16": {1}, "i8": {2}, "u8": {5}, "bool": {2},
		"scalar": {}, "empty": {0, 3}, "empty2": {4, 0}, "bf16": {2}, "z last, f64": {1},
	}
	floats := map[string][]float64{
		"f64": {0, -1.5, math.Pi}, "f16": {1, -0.5, 65504, 5.960464477539063e-08, math.Inf(1), math.Inf(-1)},
		"scalar": {2.5},
		"empty":  {}, "empty2": {}, "bf16": {1.5, -2}, "z last, f64": {1},
		// numpy.random.default_rng(7).standard_normal((2, 3)).astype("f4")
		"f32": {0.001230153371579945, 0.2987455427646637, -0.27413785457611084, -0.8905918598175049,
			-0.454670786857605, -0.9916465282440186},
	}
	ints := map[string][]int64{
		"i64": {-1, 1 << 62}, "i32": {-7, 8}, "i16": {-300}, "i8": {-128, 127}, "u8": {0, 1, 2, 3, 4}, "bool": {1, 0},
	}
	if len(f.Names) != len(shapes) {
		t.Fatalf("%d tensors, want %d", len(f.Names), len(shapes))
	}
	for _, name := range f.Names {
		tensor, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(shapes[name], tensor.Shape); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if want, ok := floats[name]; ok {
			got, err := float64s(tensor)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
			if _, err := int64s(tensor); err == nil {
				t.Errorf("%s: floats came out as integers", name)
			}
			continue
		}
		got, err := int64s(tensor)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(ints[name], got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if _, err := float64s(tensor); err == nil {
			t.Errorf("%s: integers came out as floats", name)
		}
	}
}

func TestNames(t *testing.T) {
	f := open(t, "testdata/names.safetensors")
	want := []string{"", "a.b", "na\u00efve \"q\" \\ \n\u0001 </> \U0001F600"}
	if diff := cmp.Diff(want, f.Names); diff != "" {
		t.Error(diff)
	}
}

// A file of Python's is written back byte for byte, whatever the order of its tensors in the call.
func TestWritesAsPython(t *testing.T) {
	for _, name := range []string{"all", "names", "none"} {
		path := "testdata/" + name + ".safetensors"
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f := open(t, path)
		tensors, err := f.Tensors()
		if err != nil {
			t.Fatal(err)
		}
		for range tensors {
			tensors = append(tensors[1:], tensors[0])
			var got bytes.Buffer
			if err := Write(&got, tensors, f.Metadata); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Fatalf("%s: wrote\n%q\nwant\n%q", name, got.Bytes(), want)
			}
		}
	}
}

func TestHalf(t *testing.T) {
	for bits, want := range map[uint16]float64{0: 0, 0x0001: 0x1p-24, 0x03ff: 0x1.ff8p-15, 0x0400: 0x1p-14, 0x3c00: 1,
		0xc000: -2, 0x7bff: 65504} {
		if got := half(bits); got != want {
			t.Errorf("half(%#04x) = %v, want %v", bits, got, want)
		}
	}
	if !math.IsNaN(half(0x7e00)) || !math.IsInf(half(0xfc00), -1) || !math.Signbit(half(0x8000)) {
		t.Error("half loses NaN, an infinity or minus zero")
	}
}
