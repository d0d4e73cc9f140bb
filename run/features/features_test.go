// SPDX-License-Identifier: Apache-2.0

package features

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/parallax-ssl/parallax/internal/safetensors"
	"github.com/parallax-ssl/parallax/run"
)

// some makes a sample of n images.
func some(step, n, width int) *Sample {
	r := rand.New(rand.NewPCG(uint64(step), uint64(n)))
	s := &Sample{Step: step, Data: "photos", Split: "test", Width: width,
		Classes:  map[int]string{0: "cat", 2: "<b>\u202e\x00"},
		Spectrum: []float64{12.5, 3, 0.25, 0}}
	for i := range n {
		s.Images = append(s.Images, Image{Index: 7 * i, Name: "a/" + strings.Repeat("ä", i%5) + ".png", Label: i%4 - 1})
		s.Alignment = append(s.Alignment, []float64{0, 0.25, 4, math.NaN()}[i%4])
		for range width {
			s.Rows = append(s.Rows, float32(100*r.NormFloat64()))
		}
	}
	return s
}

func product(a, b []float32) (sum float64) {
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

func encoded(t testing.TB, s *Sample) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What is read is what was written; cosines are those of the features to three digits, for rows of any length.
func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	s := some(1000, 40, 64)
	s.Images[3].Name, s.Images[4].Name = "\xff\xfe", strings.Repeat("€", 5000)
	want := *s
	want.Rows = slices.Clone(s.Rows)
	clear(s.Row(5)) // an image without features
	if err := Save(dir, s); err != nil {
		t.Fatal(err)
	}
	got, err := Read(os.DirFS(filepath.Join(dir, run.FeaturesDir)), 1000)
	if err != nil {
		t.Fatal(err)
	}
	for i, image := range got.Images {
		w := want.Images[i]
		if a, b := got.Alignment[i], want.Alignment[i]; a != b && !(math.IsNaN(a) && math.IsNaN(b)) {
			t.Errorf("image %d: its views are %v apart, want %v", i, a, b)
		}
		if image.Index != w.Index || image.Label != w.Label || i != 3 && i != 4 && image.Name != w.Name {
			t.Errorf("image %d is %+v, want %+v", i, image, w)
		}
	}
	if name := got.Images[3].Name; name != "\ufffd\ufffd" {
		t.Errorf("a name that is no text is %q", name)
	}
	if name := got.Images[4].Name; len(name) > mostName || strings.Trim(name, "€") != "" {
		t.Errorf("a long name has %d bytes and ends with %q", len(name), name[len(name)-3:])
	}
	if got.Step != 1000 || got.Data != "photos" || got.Split != "test" || got.Width != 64 ||
		!slices.Equal(got.Spectrum, s.Spectrum) ||
		!reflect.DeepEqual(got.Classes, want.Classes) {
		t.Errorf("read %+v", got)
	}
	for i := range got.Images {
		for j := range got.Images {
			a, b := want.Row(i), want.Row(j)
			w := product(a, b) / math.Sqrt(product(a, a)*product(b, b))
			if i == 5 || j == 5 {
				w = 0
			}
			if c := product(got.Row(i), got.Row(j)); math.Abs(c-w) > 1e-3 {
				t.Fatalf("the cosine of %d and %d is %v, want %v", i, j, c, w)
			}
		}
	}
	if i := got.Find(14); i != 2 || got.Find(15) != -1 {
		t.Errorf("image 14 is in row %d", i)
	}
	if !bytes.Equal(encoded(t, some(5, 10, 8)), encoded(t, some(5, 10, 8))) {
		t.Error("equal samples have different bytes")
	}
}

// The file of the widest encoder is small enough to be read.
func TestBounds(t *testing.T) {
	for _, width := range []int{1, 512, 2048, 1 << 16, 1 << 20} {
		if n := Images(width); n < 1 || n > MostImages || n > 1 && 2*n*width > 2<<20 {
			t.Errorf("width %d: %d images", width, n)
		}
	}
	if n := len(encoded(t, some(0, Images(512), 512))); n > 2<<20 {
		t.Errorf("a file of a usual encoder has %d bytes", n)
	}
}

// A file that is wrong in any way is an error that names it.
func TestDamaged(t *testing.T) {
	plain := some(3, 10, 8)
	plain.Alignment = nil
	whole := encoded(t, plain)
	change := func(f func(tensors []safetensors.Tensor, metadata map[string]string) []safetensors.Tensor) []byte {
		file, err := safetensors.Parse(bytes.NewReader(whole), int64(len(whole)))
		if err != nil {
			t.Fatal(err)
		}
		tensors, err := file.Tensors()
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(tensors, func(a, b safetensors.Tensor) int { // index, label, rows
			return strings.Compare(a.Name, b.Name)
		})
		var b bytes.Buffer
		if err := safetensors.Write(&b, f(tensors, file.Metadata), file.Metadata); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	type tensors = []safetensors.Tensor
	names := func(n int) string { b, _ := json.Marshal(make([]string, n)); return string(b) }
	for want, text := range map[string][]byte{
		"too few":   nil,
		"truncated": whole[:len(whole)/8],
		"of step 4": change(func(all tensors, m map[string]string) tensors { m["step"] = "4"; return all }),
		"step is":   change(func(all tensors, m map[string]string) tensors { m["step"] = "many"; return all }),
		"names of images": change(func(all tensors, m map[string]string) tensors {
			m["names"] = `{"a":1}`
			return all
		}),
		"names of classes": change(func(all tensors, m map[string]string) tensors {
			m["classes"] = `{"x":"y"}`
			return all
		}),
		"11 names": change(func(all tensors, m map[string]string) tensors {
			m["names"] = names(11)
			return all
		}),
		"no tensor": change(func(all tensors, _ map[string]string) tensors { return all[:2] }),
		"want F16 of rank": change(func(all tensors, _ map[string]string) tensors {
			all[2].Shape = []int{80}
			return all
		}),
		"not finite": change(func(all tensors, _ map[string]string) tensors {
			all[2].Data[1] = 0x7c
			return all
		}),
		"another row's": change(func(all tensors, _ map[string]string) tensors {
			copy(all[0].Data[8:], all[0].Data[:8])
			return all
		}),
		"the label": change(func(all tensors, _ map[string]string) tensors { all[1].Data[7] = 0x80; return all }),
		"want 1 to": change(func(all tensors, m map[string]string) tensors {
			for i, shape := range [][]int{{0}, {0}, {0, 8}} {
				all[i].Shape, all[i].Data = shape, nil
			}
			m["names"] = "[]"
			return all
		}),
		"more than 16 MiB": make([]byte, mostRead+1),
	} {
		_, err := Read(fstest.MapFS{FileName(3): {Data: text}}, 3)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "step-00000003") {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := Read(fstest.MapFS{}, 3); err == nil {
		t.Error("a missing file is read")
	}
	for _, values := range [][]float64{{5, 0, 0}, {-1, 0, 0}, {0, 0}} { // the distances are left out, the rest counts
		views := some(3, 3, 8)
		views.Alignment = nil
		file, err := safetensors.Parse(bytes.NewReader(encoded(t, views)), int64(len(encoded(t, views))))
		if err != nil {
			t.Fatal(err)
		}
		all, err := file.Tensors()
		if err != nil {
			t.Fatal(err)
		}
		var data []byte
		for _, v := range values {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(v)))
		}
		all = append(all, safetensors.Tensor{Name: "alignment", DType: safetensors.F32, Shape: []int{len(values)},
			Data: data})
		var b bytes.Buffer
		if err := safetensors.Write(&b, all, file.Metadata); err != nil {
			t.Fatal(err)
		}
		got, err := Read(fstest.MapFS{FileName(3): {Data: b.Bytes()}}, 3)
		if err != nil || len(got.Images) != 3 || got.Alignment != nil {
			t.Errorf("distances %v: %v", values, err)
		}
	}
	bad := some(1, 4, 4)
	bad.Rows[2] = float32(math.NaN())
	if err := Save(t.TempDir(), bad); err == nil {
		t.Error("features that are not finite are written")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(encoded(f, some(3, 10, 8)))
	f.Add(encoded(f, some(0, 1, 1)))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := parse(text)
		if err != nil {
			return
		}
		again, err := parse(encoded(t, s))
		if err != nil || len(again.Images) != len(s.Images) || again.Step != s.Step {
			t.Fatalf("what was read cannot be written and read again: %v", err)
		}
	})
}

// Of a long run the first evaluations and the last one are kept, and between them no gap is more than a few times
// another one. Steps that a resumed run makes again replace the old ones.
func TestSave(t *testing.T) {
	dir := t.TempDir()
	early := []int{0, 1, 2, 5, 10, 20, 50, 100}
	var all []int
	all = append(all, early...)
	for step := 200; step <= 20_000; step += 100 {
		all = append(all, step)
	}
	steps := func() []int {
		got, err := Steps(os.DirFS(filepath.Join(dir, run.FeaturesDir)))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := steps(); got != nil {
		t.Errorf("without a folder there are %v", got)
	}
	for _, step := range all {
		if err := Save(dir, some(step, 2, 2)); err != nil {
			t.Fatal(err)
		}
	}
	got := steps()
	if len(got) != Most || !slices.Equal(got[:Early], early) || got[Most-1] != 20_000 {
		t.Fatalf("kept %v", got)
	}
	for i := Early; i < Most; i++ {
		if gap := got[i] - got[i-1]; gap < 100 || gap > 4*20_000/(Most-Early) {
			t.Errorf("a gap of %d in %v", gap, got)
		}
	}
	if err := Save(dir, some(7, 2, 2)); err != nil {
		t.Fatal(err)
	}
	if got, want := steps(), []int{0, 1, 2, 5, 7}; !slices.Equal(got, want) {
		t.Errorf("after a resume from step 5 there are %v, want %v", got, want)
	}
	if err := os.WriteFile(filepath.Join(dir, run.FeaturesDir, "step-5.safetensors"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, run.FeaturesDir, FileName(6))); err != nil {
		t.Fatal(err)
	}
	if got, want := steps(), []int{0, 1, 2, 5, 7}; !slices.Equal(got, want) {
		t.Errorf("with other files there are %v, want %v", got, want)
	}
	if err := Save(filepath.Join(dir, "gone"), some(1, 2, 2)); !run.IsOutput(err) {
		t.Errorf("a run directory that is gone: %v", err)
	}
}
