// SPDX-License-Identifier: Apache-2.0

package pack

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/internal/codec/tiff/tifftest"
	"github.com/parallax-ssl/parallax/internal/packfile"
)

const photos = "../../internal/codec/testdata/images"

// picture is a PNG file of w by h pixels of noise.
func picture(seed uint64, w, h int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for x := range w {
		for y := range h {
			img.Set(x, y, color.RGBA{uint8(r.Uint32()), uint8(r.Uint32()), uint8(r.Uint32()), 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// write makes the files in a new folder and returns it.
func write(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, content, 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// splits are images in folders of classes in folders of splits, of which one cannot be read and one is no image.
func splits() map[string][]byte {
	files := map[string][]byte{"readme.txt": []byte("x"), "train/cat/broken.png": picture(99, 9, 9)[:60]}
	for i := range 6 {
		class := []string{"cat", "dog"}[i%2]
		files[fmt.Sprintf("train/%s/%d.png", class, i)] = picture(uint64(i), 5+i, 20-i)
		files[fmt.Sprintf("test/%s/%d.png", class, i)] = picture(uint64(100+i), 5+i, 7)
	}
	for _, name := range []string{"jpeg_420.jpg", "jpeg_exif6.jpg", "png_grey16.png"} {
		content, err := os.ReadFile(filepath.Join(photos, name))
		if err != nil {
			panic(err)
		}
		files["train/dog/"+name] = content
	}
	return files
}

// large is splits with images of which two do not fit into the smallest shard.
func large() map[string][]byte {
	files := splits()
	for i := range 4 {
		files[fmt.Sprintf("train/cat/large%d.png", i)] = picture(uint64(i), 120, 100)
	}
	return files
}

// sources are data sets of every kind, by name, and the options with which each can be opened.
func sources(t *testing.T) map[string][]string {
	t.Helper()
	folder := write(t, splits())
	var tarred, samples bytes.Buffer
	into := func(w *tar.Writer, files map[string][]byte) {
		for _, name := range sorted(files) {
			err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(files[name])), Mode: 0o644})
			if _, failed := w.Write(files[name]); errors.Join(err, failed) != nil {
				t.Fatal(err, failed)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	into(tar.NewWriter(&tarred), splits())
	into(tar.NewWriter(&samples), map[string][]byte{"1.png": picture(1, 8, 8), "1.cls": []byte("7"),
		"2.png": picture(2, 8, 9), "2.cls": []byte("3"), "3.png": picture(3, 8, 9)})
	var zipped bytes.Buffer
	z := zip.NewWriter(&zipped)
	for _, name := range sorted(splits()) {
		f, err := z.Create(name)
		if _, failed := f.Write(splits()[name]); errors.Join(err, failed) != nil {
			t.Fatal(err, failed)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	record := func(seed byte) []byte { return append([]byte{seed % 10}, bytes.Repeat([]byte{seed}, 3072)...) }
	idx := func(magic uint32, dims []uint32, values []byte) []byte {
		b := binary.BigEndian.AppendUint32(nil, magic)
		for _, d := range dims {
			b = binary.BigEndian.AppendUint32(b, d)
		}
		return append(b, values...)
	}
	all := write(t, map[string][]byte{
		"images.tar": tarred.Bytes(), "images.zip": zipped.Bytes(), "shards/train-0.tar": samples.Bytes(),
		"shards/val-0.tar":              samples.Bytes(),
		"cifar/data_batch_1.bin":        append(record(1), record(2)...),
		"cifar/test_batch.bin":          record(3),
		"mnist/train-images.idx3":       nil,
		"mnist/train-images-idx3-ubyte": idx(0x803, []uint32{2, 2, 3}, []byte("abcdefABCDEF")),
		"mnist/train-labels-idx1-ubyte": idx(0x801, []uint32{2}, []byte{4, 1}),
		"listed/a.png":                  picture(1, 4, 4),
		"listed/b.png":                  picture(2, 4, 5),
		"listed/c.png":                  picture(3, 4, 5),
		"listed/list.csv":               []byte("path,label,split\na.png,x,train\nb.png,y,val\nmissing.png,x,train\n"),
		"voc/JPEGImages/1.png":          picture(1, 4, 4), "voc/JPEGImages/2.png": picture(2, 4, 4),
		"voc/JPEGImages/3.png":         picture(3, 4, 4),
		"voc/ImageSets/Main/train.txt": []byte("1\n3\n"), "voc/ImageSets/Main/val.txt": []byte("2\n"),
	})
	if err := os.Remove(filepath.Join(all, "mnist/train-images.idx3")); err != nil {
		t.Fatal(err)
	}
	in := func(name string) string { return filepath.Join(all, name) }
	return map[string][]string{
		folder:                    {"", "train", "test", "all", "none"},
		folder + ":train":         {""},
		in("images.tar"):          {"", "test", "none"},
		in("images.zip"):          {"", "all"},
		in("shards"):              {"", "val", "none"},
		in("cifar"):               {"", "test", "none"},
		in("mnist"):               {"", "all"},
		in("listed/list.csv"):     {"", "val", "none"},
		in("listed/*.png"):        {""},
		in("voc"):                 {"", "val", "none"},
		"synthetic:30":            {"", "test"},
		"../testdata/huggingface": {"", "test", "all"},
	}
}

func sorted(files map[string][]byte) (names []string) {
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// packed packs into a new folder.
func packed(t *testing.T, q Request) (string, *Result) {
	t.Helper()
	q.Out = filepath.Join(t.TempDir(), "pack")
	if q.MaxUnreadable == 0 {
		q.MaxUnreadable = 0.9
	}
	r, err := Run(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	return q.Out, r
}

func open(t *testing.T, path string, o dataset.Options) *dataset.Source {
	t.Helper()
	s, err := dataset.Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestEqual: a pack that changes no pixel is the data that was packed, of every kind of source and in every form, for
// every split: all that a source says, the images, and the errors of those that cannot be read.
func TestEqual(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	for path, splits := range sources(t) {
		for _, as := range []string{Decoded, PNG, Files} {
			q := Request{Data: path, As: as, ShardSize: leastShard}
			if as == Files && (strings.HasPrefix(path, "synthetic") || filepath.Base(path) == "cifar" ||
				filepath.Base(path) == "mnist") {
				q.Out = filepath.Join(t.TempDir(), "pack")
				if _, err := Run(context.Background(), q); err == nil || !strings.Contains(err.Error(), "no files") {
					t.Errorf("%s as files: %v", path, err)
				}
				continue
			}
			dir, _ := packed(t, q)
			for _, split := range splits {
				t.Run(fmt.Sprintf("%s %s %s", filepath.Base(path), as, split), func(t *testing.T) {
					o := dataset.Options{Split: split}
					equal(t, open(t, path, o), open(t, dir, o))
				})
			}
		}
	}
}

func equal(t *testing.T, want, got *dataset.Source) {
	t.Helper()
	same := func(what string, want, got any) {
		t.Helper()
		if fmt.Sprint(want) != fmt.Sprint(got) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	same("fingerprint", want.Fingerprint, got.Fingerprint)
	same("kind", want.Kind, got.Kind)
	same("summary", want.Summary(), got.Summary())
	same("facts", want.Facts, got.Facts)
	same("classes", want.Classes, got.Classes)
	same("remarks", want.Remarks(), got.Remarks())
	same("JPEG", want.JPEG(), got.JPEG())
	before, err := want.Content(context.Background(), dataset.HashAll)
	now, err2 := got.Content(context.Background(), dataset.HashAll)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	same("content", before, now)
	if want.Len() != got.Len() {
		t.Fatalf("%d images, want %d", got.Len(), want.Len())
	}
	for i := range want.Len() {
		same("name", want.Name(i), got.Name(i))
		same("label", want.Label(i), got.Label(i))
		a, err := want.Image(i)
		b, err2 := got.Image(i)
		same("error", err, err2)
		if err == nil && !equalPixels(a, b) {
			t.Errorf("image %s has other pixels", want.Name(i))
		}
		w, h, _, err := want.Dimensions(i)
		w2, h2, _, err2 := got.Dimensions(i)
		if err == nil && (w != w2 || h != h2 || err2 != nil) && !strings.Contains(want.Name(i), "broken") {
			t.Errorf("image %s has %d x %d pixels, want %d x %d (%v)", want.Name(i), w2, h2, w, h, err2)
		}
		held, release, err := got.Hold(i)
		if err != nil {
			continue
		}
		if !equalPixels(held, b) {
			t.Errorf("image %s has other pixels when it is held", want.Name(i))
		}
		release()
	}
}

func equalPixels(a, b *augment.Image) bool {
	return a.W == b.W && a.H == b.H && a.C == b.C && a.Samples == b.Samples && bytes.Equal(a.Pix, b.Pix) &&
		slices.EqualFunc(a.Deep, b.Deep, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
}

// TestDeep: images that keep their channels keep every bit, and a pack is read as it was decoded.
func TestDeep(t *testing.T) {
	files := map[string][]byte{}
	for i := range 5 {
		values := make([]float32, 6*4*3)
		for k := range values {
			values[k] = float32(k*i) - 7.5
		}
		files[fmt.Sprintf("%d.tif", i)] = tifftest.Float32(6, 4, 3, values)
	}
	path := write(t, files)
	o := dataset.Options{Channels: dataset.ChannelsKeep}
	for _, as := range []string{Decoded, Files} {
		dir, _ := packed(t, Request{Data: path, As: as, Channels: o.Channels})
		equal(t, open(t, path, o), open(t, dir, o))
	}
	dir, _ := packed(t, Request{Data: path, Channels: o.Channels})
	if _, err := dataset.Open(dir, dataset.Options{}); err == nil ||
		!strings.Contains(err.Error(), "give --channels keep") {
		t.Errorf("opened without channels: %v", err)
	}
	q := Request{Data: path, Channels: o.Channels, As: JPEG, Out: filepath.Join(t.TempDir(), "pack")}
	if _, err := Run(context.Background(), q); err == nil || !strings.Contains(err.Error(), "give --as decoded") {
		t.Errorf("as JPEG: %v", err)
	}
}

// TestSmaller: --size makes images smaller as package augment does, enlarges none, and gives the pack a fingerprint and
// a content of its own.
func TestSmaller(t *testing.T) {
	path := write(t, map[string][]byte{"large.png": picture(1, 60, 40), "small.png": picture(2, 19, 50),
		"thin.png": picture(3, 50, 1)})
	want := open(t, path, dataset.Options{})
	dir, _ := packed(t, Request{Data: path, Size: 20})
	got := open(t, dir, dataset.Options{})
	for i, size := range [][2]int{{30, 20}, {19, 50}, {50, 1}} {
		a, err := want.Image(i)
		b, err2 := got.Image(i)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			a = augment.Recipe{augment.Resize{Size: 20, Interpolation: augment.Bicubic}}.View(a,
				augment.ViewRand(0, 0, 0, 0))
		}
		if b.W != size[0] || b.H != size[1] || !equalPixels(a, b) {
			t.Errorf("%s has %d x %d pixels, or others", got.Name(i), b.W, b.H)
		}
	}
	jpeg, _ := packed(t, Request{Data: path, As: JPEG, Quality: 95})
	other := open(t, jpeg, dataset.Options{})
	if img, err := other.Image(0); err != nil || img.W != 60 || img.H != 40 {
		t.Errorf("as JPEG: %v %v", img, err)
	}
	prints := map[string]bool{want.Fingerprint: true, got.Fingerprint: true, other.Fingerprint: true}
	if len(prints) != 3 || !got.Altered() || !other.Altered() {
		t.Errorf("equal fingerprints of other pixels: %v", prints)
	}
	before, err := want.Content(context.Background(), dataset.HashAll)
	now, err2 := got.Like(context.Background(), before)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	if d := before.Changes(now); len(d.Changed) != 3 {
		t.Errorf("the content of smaller images: %v", d)
	}
}

// TestLabels: labels of a file go into the pack.
func TestLabels(t *testing.T) {
	path := write(t, map[string][]byte{"a.png": picture(1, 4, 4), "b.png": picture(2, 4, 4), "c.png": picture(3, 4, 4)})
	csv := filepath.Join(t.TempDir(), "labels.csv")
	if err := os.WriteFile(csv, []byte("a.png,x\nb.png,y\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	dir, _ := packed(t, Request{Data: path, Labels: csv})
	want, got := open(t, path, dataset.Options{Labels: csv}), open(t, dir, dataset.Options{})
	if got.Summary() != want.Summary() || got.Fingerprint != want.Fingerprint || got.Label(0) != 0 ||
		got.Label(1) != 1 || got.Label(2) != -1 {
		t.Errorf("%s, want %s", got.Summary(), want.Summary())
	}
}

// TestWorkers: neither the number of workers nor an interruption changes a byte.
func TestWorkers(t *testing.T) {
	path := write(t, large())
	q := Request{Data: path, ShardSize: leastShard, Workers: 1, Size: 98}
	want, r := packed(t, q)
	if r.Shards < 2 || r.Failed != 1 {
		t.Fatalf("%d shards, %d failed", r.Shards, r.Failed)
	}
	q.Workers = 7
	got, _ := packed(t, q)
	equalFolders(t, want, got)

	// Stopped after each image in turn.
	for stop := range r.Images {
		q.Out, q.MaxUnreadable = filepath.Join(t.TempDir(), "pack"), 0.9
		ctx, cancel := context.WithCancel(context.Background())
		q.Progress = func(p Progress) {
			if p.Done == stop {
				cancel()
			}
		}
		if _, err := Run(ctx, q); !errors.Is(err, context.Canceled) {
			t.Fatalf("stopped after %d images: %v", stop, err)
		}
		if _, err := os.Stat(q.Out); err == nil {
			t.Fatal("an unfinished pack has the name of a finished one")
		}
		q.Progress = nil
		if _, err := Run(context.Background(), q); err != nil {
			t.Fatal(err)
		}
		equalFolders(t, want, q.Out)
		if _, err := os.Stat(q.Out + packfile.Partial); err == nil {
			t.Fatal("the unfinished pack is still there")
		}
		cancel()
	}
}

func equalFolders(t *testing.T, want, got string) {
	t.Helper()
	read := func(dir string) string {
		var b strings.Builder
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			text, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "%s %d %x\n", e.Name(), len(text), text)
		}
		return b.String()
	}
	if read(want) != read(got) {
		t.Errorf("%s differs from %s", got, want)
	}
}

// TestDamage: a byte that is changed anywhere in a pack, and a file that is cut or missing, is noticed when the pack is
// opened, when the image is read, or by Verify at the latest, which names it. Nothing panics.
func TestDamage(t *testing.T) {
	path := write(t, large())
	dir, _ := packed(t, Request{Data: path, ShardSize: leastShard, Size: 90})
	want := open(t, path, dataset.Options{Split: "all"})
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Name() == quarantineFile {
			continue
		}
		name := filepath.Join(dir, f.Name())
		sound, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		step := max(1, len(sound)/29)
		for at := 0; at < len(sound); at += step {
			without := append(sound[:at:at], sound[min(len(sound), at+3):]...)
			for _, bad := range [][]byte{sound[:at], flipped(sound, at), without} {
				if err := os.WriteFile(name, bad, 0o666); err != nil {
					t.Fatal(err)
				}
				c, err := Verify(context.Background(), dir, nil)
				if err != nil || len(c.Damaged) != 1 || c.Damaged[0].File != f.Name() {
					t.Errorf("%s damaged at %d: %+v, %v", f.Name(), at, c, err)
				}
				readDamaged(t, dir, want)
			}
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		if _, err := dataset.Open(dir, dataset.Options{}); err == nil {
			t.Errorf("opened without %s", f.Name())
		}
		if err := os.WriteFile(name, sound, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if c, err := Verify(context.Background(), dir, nil); err != nil || len(c.Damaged) > 0 {
		t.Errorf("%+v, %v", c, err)
	}
}

func flipped(b []byte, at int) []byte {
	b = slices.Clone(b)
	b[at] ^= 16
	return b
}

// readDamaged reads all images of a damaged pack: each is as it was, smaller, or an error.
func readDamaged(t *testing.T, dir string, want *dataset.Source) {
	t.Helper()
	s, err := dataset.Open(dir, dataset.Options{Split: "all"})
	if err != nil {
		if !strings.Contains(err.Error(), "pack") {
			t.Errorf("the error does not name the pack: %v", err)
		}
		return
	}
	defer s.Close()
	if s.Len() != want.Len() {
		t.Errorf("%d images", s.Len())
	}
	for i := range s.Len() {
		var bad *dataset.ImageError
		if _, err := s.Image(i); err != nil && (!errors.As(err, &bad) || bad.Name != want.Name(i)) {
			t.Errorf("%v", err)
		}
	}
}

// TestCutWhileOpen: a shard that is cut while the pack is read costs the images that it had, each with an error.
func TestCutWhileOpen(t *testing.T) {
	dir, _ := packed(t, Request{Data: write(t, large())})
	s := open(t, dir, dataset.Options{Split: "train"})
	if err := os.Truncate(filepath.Join(dir, packfile.ShardName(0)), 1000); err != nil {
		t.Fatal(err)
	}
	for i := range s.Len() {
		if _, err := s.Image(i); err == nil && i > 0 {
			t.Errorf("image %d was read from a shard that was cut", i)
		}
	}
}

// TestRefused: what exists is not replaced, and an unfinished pack does not go on as another one.
func TestRefused(t *testing.T) {
	path := write(t, large())
	dir, _ := packed(t, Request{Data: path, ShardSize: leastShard})
	q := Request{Data: path, Out: dir, MaxUnreadable: 0.9, ShardSize: leastShard}
	refused := func(q Request, want string) {
		t.Helper()
		if _, err := Run(context.Background(), q); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	refused(q, "exists: give --force to replace it")
	q.Force = true
	if _, err := Run(context.Background(), q); err != nil {
		t.Error(err)
	}
	q.Out = t.TempDir()
	refused(q, "exists and is no pack")
	q = Request{Data: dir, Out: filepath.Join(t.TempDir(), "pack")}
	refused(q, "it is a pack")
	q.Data = path
	refused(q, "allow a larger share with --max-unreadable 0.1") // of no bad image
	q.MaxUnreadable = 0.9

	ctx, cancel := context.WithCancel(context.Background())
	q.ShardSize = leastShard
	q.Progress = func(p Progress) {
		if p.Done == p.Of-1 {
			cancel()
		}
	}
	if _, err := Run(ctx, q); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	q.Progress = nil
	other := q
	other.As = PNG
	refused(other, "was begun with --as decoded, not png: give what it was begun with, or begin anew with --force")
	if _, err := dataset.Open(q.partial(), dataset.Options{}); err == nil ||
		!strings.Contains(err.Error(), "not finished") {
		t.Errorf("opened: %v", err)
	}
	if err := os.WriteFile(filepath.Join(path, "train/cat/0.png"), picture(7, 30, 30), 0o666); err != nil {
		t.Fatal(err)
	}
	refused(q, "was begun with other images")
	if err := os.WriteFile(filepath.Join(path, "train/cat/0.png"), large()["train/cat/0.png"], 0o666); err != nil {
		t.Fatal(err)
	}
	refused(q, "was begun when train/cat/0.png had another content or time: begin anew with --force")
	for want, q := range map[string]Request{
		"name the images":       {},
		"did you mean jpeg":     {As: "jpg"},
		"leave one out":         {Quality: 5},
		"from 1 to 100":         {As: JPEG, Quality: 101},
		"--as files keeps them": {As: Files, Size: 3},
		"at least 64 KiB":       {ShardSize: 5},
	} {
		if want != "name the images" {
			q.Data, q.Out = "synthetic", "pack"
		}
		refused(q, want)
	}
}
