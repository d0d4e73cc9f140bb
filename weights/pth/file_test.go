// SPDX-License-Identifier: Apache-2.0

package pth

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func files(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob("../testdata/*.p*t*")
	if err != nil || len(paths) < 10 {
		t.Fatalf("%d files: %v", len(paths), err)
	}
	return paths
}

func open(t *testing.T, name string) *File {
	t.Helper()
	f, err := Open(filepath.Join("../testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// The archive and the stream of one state_dict hold the same tensors, which are overlapping views of one storage.
func TestFormatsAgree(t *testing.T) {
	archive, stream := open(t, "torchvision.pth"), open(t, "stream.pth")
	if archive.Format != "torch zip" || stream.Format != "torch stream" {
		t.Errorf("formats %q and %q", archive.Format, stream.Format)
	}
	if len(archive.Tensors) != 122 || len(stream.Tensors) != 122 {
		t.Fatalf("%d and %d tensors, want 122", len(archive.Tensors), len(stream.Tensors))
	}
	for i, a := range archive.Tensors {
		b := stream.Tensors[i]
		x, err := a.Read()
		if err != nil {
			t.Fatal(err)
		}
		y, err := b.Read()
		if err != nil {
			t.Fatal(err)
		}
		if a.Key != b.Key || fmt.Sprint(a.Shape) != fmt.Sprint(b.Shape) || !bytes.Equal(x, y) {
			t.Errorf("%s %v and %s %v differ", a.Key, a.Shape, b.Key, b.Shape)
		}
	}
}

// conv1.weight is torch.as_strided of sin(0.1 + 0.7 i) / 10 from 0 on, with strides 1.
func TestStrides(t *testing.T) {
	f := open(t, "torchvision.pth")
	first := f.Tensors[0]
	if first.Key != "conv1.weight" || fmt.Sprint(first.Shape) != "[1 3 7 7]" {
		t.Fatalf("the first tensor is %s %v", first.Key, first.Shape)
	}
	data, err := first.Read()
	if err != nil {
		t.Fatal(err)
	}
	for c := range 3 {
		for y := range 7 {
			for x := range 7 {
				got := math.Float32frombits(binary.LittleEndian.Uint32(data[4*(c*49+y*7+x):]))
				want := math.Sin(0.1+0.7*float64(c+y+x)) * 0.1
				if math.Abs(float64(got)-want) > 1e-7 {
					t.Fatalf("conv1.weight[0, %d, %d, %d] is %g, want %g", c, y, x, got, want)
				}
			}
		}
	}
}

func TestForeign(t *testing.T) {
	for name, want := range map[string]string{
		"program.pth": "posix.system", "program-stream.pth": "posix.system", "moco.pth.tar": "argparse.Namespace",
	} {
		f := open(t, name)
		if len(f.Foreign) != 1 || f.Foreign[0].String() != want || !f.Foreign[0].Called {
			t.Errorf("%s: foreign %v, want %s", name, f.Foreign, want)
		}
	}
	f := open(t, "moco.pth.tar")
	var others []string
	for _, o := range f.Others {
		others = append(others, o.Key+"="+o.Kind)
	}
	if got := strings.Join(others, " "); got != "epoch=200 arch=text args=argparse.Namespace" {
		t.Errorf("the other entries are %s", got)
	}
}

// archived is a zip archive of a pickle and one storage.
func archived(t testing.TB, method uint16, pickle string, storage []byte, order string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range []struct{ name, text string }{
		{"x/data.pkl", pickle}, {"x/byteorder", order}, {"x/data/0", string(storage)},
	} {
		to, err := w.CreateHeader(&zip.FileHeader{Name: e.name, Method: method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := to.Write([]byte(e.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// tensorPickle is {"w": a float tensor} with offset, shape and strides as numbers of Python.
func tensorPickle(offset, shape, strides string) string {
	return "}S'w'\nctorch._utils\n_rebuild_tensor_v2\n((S'storage'\nctorch\nFloatStorage\nS'0'\nS'cpu'\nI4\ntQ" +
		offset + "(" + shape + "t(" + strides + "tI00\n}tRs."
}

func parse(data []byte) (*File, error) { return Parse(bytes.NewReader(data), int64(len(data))) }

func TestHostileTensors(t *testing.T) {
	storage := make([]byte, 16)
	for i := range 4 {
		binary.LittleEndian.PutUint32(storage[4*i:], math.Float32bits(float32(i)))
	}
	for _, c := range []struct{ offset, shape, strides, want string }{
		{"I1\n", "I3\n", "I1\n", ""},
		{"I0\n", "I2\nI2\n", "I1\nI2\n", ""},
		{"I0\n", "", "", ""},
		{"I0\n", "I0\n", "I1\n", ""},
		{"I2\n", "I3\n", "I1\n", "which has fewer"},
		{"I-1\n", "I3\n", "I1\n", "out of range"},
		{"I0\n", "I3\n", "I-1\n", "out of range"},
		{"I0\n", "I1000000000\nI1000000000\n", "I0\nI0\n", "too many elements"},
		{"I0\n", "I1000000000\n", "I0\n", "far more than the file"},
		{"I0\n", "I2\n", "L9223372036854775807L\n", "out of range"},
		{"I0\n", "I2\n", "I4\n", "which has fewer"},
	} {
		f, err := parse(archived(t, zip.Store, tensorPickle(c.offset, c.shape, c.strides), storage, "little"))
		if err != nil {
			t.Fatal(err)
		}
		if len(f.Tensors) != 1 {
			t.Fatalf("%+v: %d tensors", c, len(f.Tensors))
		}
		_, err = f.Tensors[0].Read()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v", c, err)
		}
	}
}

func TestForeignFiles(t *testing.T) {
	good := tensorPickle("I0\n", "I4\n", "I1\n")
	storage := make([]byte, 16)
	tar := make([]byte, 1024)
	copy(tar[257:], "ustar")
	var deep strings.Builder // a list in a list, far deeper than any checkpoint
	for range 100_000 {
		deep.WriteString("]")
	}
	deep.WriteString(strings.Repeat("a", 99_999) + ".")
	var wide strings.Builder // a tuple of the last tuple twice: 2^100 values
	wide.WriteString("N")
	for range 100 {
		wide.WriteString("2\x86")
	}
	wide.WriteString(".")
	whole, err := os.ReadFile("../testdata/torchvision.pth")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":    {nil, "has 0 bytes"},
		"text":       {[]byte("hello, world"), "not a file of torch.save"},
		"a tar":      {tar, "tar archive"},
		"compressed": {archived(t, zip.Deflate, good, storage, "little"), "compressed"},
		"big-endian": {archived(t, zip.Store, good, storage, "big"), "byte order"},
		"half":       {whole[:len(whole)/2], "truncated or damaged"},
		"another zip": {func() []byte {
			var b bytes.Buffer
			w := zip.NewWriter(&b)
			_, _ = w.Create("word/document.xml")
			_ = w.Close()
			return b.Bytes()
		}(), "no data.pkl"},
		"wide": {archived(t, zip.Store, wide.String(), storage, "little"), "values"},
	} {
		if _, err := parse(c.data); err == nil || !strings.Contains(err.Error(), c.want) ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want one line with %q", name, err, c.want)
		}
	}
	if _, err := parse(archived(t, zip.Store, deep.String(), storage, "little")); err != nil {
		t.Errorf("a deep value: %v", err)
	}
}

// A flipped bit of a storage that a tensor reads as a whole is found.
func TestDamage(t *testing.T) {
	storage := bytes.Repeat([]byte("wxyz"), 4)
	data := archived(t, zip.Store, tensorPickle("I0\n", "I4\n", "I1\n"), storage, "little")
	data[bytes.Index(data, storage)+5] ^= 1
	f, err := parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Tensors[0].Read(); err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("error %v", err)
	}
}

// FuzzParse checks that any bytes are refused in one line or give tensors whose bytes fit their shapes.
func FuzzParse(f *testing.F) {
	for _, c := range [][3]string{{"I0\n", "I2\nI2\n", "I1\nI2\n"}, {"I1\n", "I3\n", "I0\n"}} {
		f.Add(archived(f, zip.Store, tensorPickle(c[0], c[1], c[2]), make([]byte, 16), "little"))
	}
	stream, err := os.ReadFile("../testdata/program-stream.pth")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(stream)
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := parse(data)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Fatalf("not one line: %q", err)
			}
			return
		}
		for _, tensor := range file.Tensors[:min(len(file.Tensors), 4)] {
			bytes, err := tensor.Read()
			if err != nil {
				continue
			}
			want := tensor.DType.Size()
			for _, side := range tensor.Shape {
				want *= side
			}
			if len(bytes) != want {
				t.Fatalf("%s has %d bytes, its shape %v %d", tensor.Key, len(bytes), tensor.Shape, want)
			}
		}
	})
}

// Every file of the folder is read to its last tensor.
func TestEveryFile(t *testing.T) {
	for _, path := range files(t) {
		f, err := Open(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		for _, tensor := range f.Tensors {
			if _, err := tensor.Read(); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
		if len(f.Tensors) == 0 {
			t.Errorf("%s has no tensors", path)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}
