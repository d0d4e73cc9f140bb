// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// pngOf is a PNG of one colour with red v.
func pngOf(t testing.TB, v uint8, w, h int) []byte {
	t.Helper()
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		m.Set(i%w, i/w, color.NRGBA{v, 255 - v, 7, 255})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// tree writes files, each of one colour, into a new folder.
func tree(t testing.TB, names ...string) string {
	t.Helper()
	root := t.TempDir()
	for i, name := range names {
		writeFile(t, filepath.Join(root, name), pngOf(t, uint8(i), 8, 8))
	}
	return root
}

func writeFile(t testing.TB, name string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

type entry struct {
	tar.Header
	data []byte
}

func tarOf(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		e.Size, e.Mode = int64(len(e.data)), 0o644
		if err := w.WriteHeader(&e.Header); err != nil {
			t.Fatal(err)
		}
		w.Write(e.data)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func regular(name string, data []byte) entry {
	return entry{tar.Header{Name: name, Typeflag: tar.TypeReg}, data}
}

func gzipped(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(data)
	w.Close()
	return b.Bytes()
}

// opened opens path and closes it with the test.
func opened(t testing.TB, path string, o Options) *Source {
	t.Helper()
	if o.CacheDir == "" {
		o.CacheDir = t.TempDir()
	}
	s, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// Selecting from an opened source gives the same as opening it anew, and neither changes the other.
func TestSelectIsOpen(t *testing.T) {
	csv := filepath.Join(t.TempDir(), "labels.csv")
	writeFile(t, csv, []byte("path,label\ntrain/cat/1.png,b\n"))
	root := tree(t, "train/cat/1.png", "train/dog/2.png", "test/cat/3.png", "test/dog/4.png", "extra/5.png",
		"notes.txt")
	for _, path := range []string{root, "synthetic:10"} {
		first := opened(t, path, Options{Size: 8})
		before := *first
		for _, split := range []string{"", SplitTrain, SplitTest, SplitVal, SplitAll, "nonsense"} {
			for _, labels := range []string{"", "none", "folders", csv, "nowhere"} {
				got, err := first.Select(split, labels)
				want, wantErr := Open(path, Options{Size: 8, Split: split, Labels: labels})
				if err != nil || wantErr != nil {
					if err == nil || wantErr == nil || !strings.HasSuffix(wantErr.Error(), ": "+err.Error()) {
						t.Errorf("%s, split %q, labels %q: error %v, want %v", path, split, labels, err, wantErr)
					}
					continue
				}
				if describe(got) != describe(want) || got.Fingerprint != want.Fingerprint || got.Split != want.Split ||
					!slices.Equal(got.Notes, want.Notes) {
					t.Errorf("%s, split %q, labels %q: %s %q, want %s %q", path, split, labels, describe(got),
						got.Notes, describe(want), want.Notes)
				}
				if a, err := got.Image(0); err != nil {
					t.Error(err)
				} else if b, err := want.Image(0); err != nil || !slices.Equal(a.Pix, b.Pix) {
					t.Errorf("%s, split %q: the first image differs (error %v)", path, split, err)
				}
				if err := errors.Join(got.Close(), want.Close()); err != nil {
					t.Error(err)
				}
			}
		}
		if _, err := first.Image(0); err != nil || !slices.Equal(before.Notes, first.Notes) {
			t.Errorf("%s: the first source has changed: %v %q", path, err, first.Notes)
		}
	}
}

// describe is a source's images as "name=class", readable in a failing test.
func describe(s *Source) string {
	var out []string
	for i := range s.Len() {
		text := s.Name(i)
		if l := s.Label(i); l >= 0 {
			text += "=" + s.Classes[l]
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

func TestFolder(t *testing.T) {
	for _, c := range []struct {
		name  string
		files string
		o     Options
		want  string
	}{
		{"any depth, sorted", "b.png a/c/d.png a/b.jpeg", Options{}, "a/b.jpeg a/c/d.png b.png"},
		{"class folders", "cat/1.png dog/2.png cat/3.png", Options{}, "cat/1.png=cat cat/3.png=cat dog/2.png=dog"},
		{"one folder is no class", "cat/1.png cat/3.png", Options{}, "cat/1.png cat/3.png"},
		{"one file outside: no labels", "cat/1.png dog/2.png 3.png", Options{}, "3.png cat/1.png dog/2.png"},
		{"two deep: no labels", "cat/1.png dog/x/2.png", Options{}, "cat/1.png dog/x/2.png"},
		{"asked for", "cat/1.png dog/x/2.png 3.png", Options{Labels: "folders"}, "3.png cat/1.png=cat dog/x/2.png=dog"},
		{"not wanted", "cat/1.png dog/2.png", Options{Labels: "none"}, "cat/1.png dog/2.png"},
		{"train by default", "train/1.png test/2.png extra/3.png", Options{}, "train/1.png"},
		{"test", "train/1.png test/2.png extra/3.png", Options{Split: "test"}, "test/2.png"},
		{"all", "train/1.png test/2.png extra/3.png", Options{Split: "all"}, "extra/3.png test/2.png train/1.png"},
		{"no train, on request: everything", "val/1.png test/2.png", Options{Split: "all"}, "test/2.png val/1.png"},
		{"classes in splits", "train/a/1.png train/c/2.png test/c/3.png test/b/4.png", Options{},
			"train/a/1.png=a train/c/2.png=c"},
		{"not images", "a.png notes.txt labels.csv .hidden.png .git/b.png x.DS_Store", Options{}, "a.png x.DS_Store"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := opened(t, tree(t, strings.Fields(c.files)...), c.o)
			if got := describe(s); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestClassesOfAllSplits: a class has one number, whichever split is opened.
func TestClassesOfAllSplits(t *testing.T) {
	root := tree(t, "train/a/1.png", "train/c/2.png", "test/b/3.png", "test/c/4.png", "other/z/5.png")
	train, test := opened(t, root, Options{}), opened(t, root, Options{Split: "test"})
	if want := []string{"a", "b", "c"}; !slices.Equal(train.Classes, want) || !slices.Equal(test.Classes, want) {
		t.Errorf("classes %v and %v, want %v", train.Classes, test.Classes, want)
	}
	if train.Label(1) != test.Label(1) || train.Label(1) != 2 {
		t.Errorf("c is %d in train and %d in test", train.Label(1), test.Label(1))
	}
	if !slices.Equal(train.Splits, []string{"train", "test"}) || !train.HasSplit("test") || train.HasSplit("val") {
		t.Errorf("splits %v", train.Splits)
	}
	if notes := strings.Join(train.Notes, "; "); !strings.Contains(notes, "1 image: outside the folders") {
		t.Errorf("notes %q do not count the image outside the splits", notes)
	}
}

func TestSubFolder(t *testing.T) {
	root := tree(t, "x/train/a/1.png", "x/train/b/2.png", "x/test/a/3.png", "y/4.png")
	if got, want := describe(opened(t, root+":x", Options{})), "x/train/a/1.png=a x/train/b/2.png=b"; got != want {
		t.Errorf("folder:x is %s, want %s", got, want)
	}
	archive := filepath.Join(t.TempDir(), "d.tar")
	writeFile(t, archive, tarOf(t, regular("x/train/a/1.png", pngOf(t, 1, 4, 4)),
		regular("y/2.png", pngOf(t, 2, 4, 4))))
	s := opened(t, archive+":x/train", Options{})
	if got := describe(s); got != "x/train/a/1.png" {
		t.Errorf("archive:x/train is %s", got)
	}
	if img, err := s.Image(0); err != nil || img.Pix[0] != 1 {
		t.Errorf("archive:x/train reads %v, %v", img, err)
	}
	// A colon in the name of an existing folder selects nothing.
	odd := filepath.Join(t.TempDir(), "a:b")
	writeFile(t, filepath.Join(odd, "1.png"), pngOf(t, 1, 4, 4))
	if s := opened(t, odd, Options{}); s.Len() != 1 {
		t.Errorf("folder a:b has %d images", s.Len())
	}
}

func TestTar(t *testing.T) {
	var entries []entry
	entries = append(entries, entry{tar.Header{Name: "data/", Typeflag: tar.TypeDir}, nil})
	for i, name := range []string{"./data/train/dog/2.png", "data/train/cat/1.png", "data/test/dog/3.png",
		"data/README"} {
		entries = append(entries, regular(name, pngOf(t, uint8(10+i), 5, 4)))
	}
	long := "data/train/cat/" + strings.Repeat("x", 150) + ".png"
	entries = append(entries, regular(long, pngOf(t, 99, 5, 4)))
	plain := tarOf(t, entries...)
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "d.tar"), plain)
	writeFile(t, filepath.Join(dir, "d.tar.gz"), gzipped(plain))
	writeFile(t, filepath.Join(dir, "d.tgz"), gzipped(plain))
	for _, name := range []string{"d.tar", "d.tar.gz", "d.tgz"} {
		s := opened(t, filepath.Join(dir, name), Options{})
		want := "data/train/cat/1.png=cat " + long + "=cat data/train/dog/2.png=dog"
		if got := describe(s); got != want || s.Kind != KindTar {
			t.Fatalf("%s is %s: %s\nwant %s", name, s.Kind, got, want)
		}
		for i, red := range []uint8{11, 99, 10} {
			img, err := s.Image(i)
			if err != nil || img.W != 5 || img.H != 4 || img.Pix[0] != red {
				t.Errorf("%s: image %d: %v, %v", name, i, img, err)
			}
		}
	}
}

// TestUnpackOnce: a second Open reads the cache, a changed archive is unpacked anew, nothing temporary stays.
func TestUnpackOnce(t *testing.T) {
	dir, cache := t.TempDir(), t.TempDir()
	name := filepath.Join(dir, "d.tar.gz")
	writeFile(t, name, gzipped(tarOf(t, regular("1.png", pngOf(t, 1, 4, 4)))))
	for range 2 {
		opened(t, name, Options{CacheDir: cache})
		if files, _ := os.ReadDir(cache); len(files) != 1 || filepath.Ext(files[0].Name()) != ".tar" {
			t.Fatalf("the cache holds %v", files)
		}
	}
	writeFile(t, name, gzipped(tarOf(t, regular("1.png", pngOf(t, 1, 4, 4)), regular("2.png", pngOf(t, 2, 4, 4)))))
	if s := opened(t, name, Options{CacheDir: cache}); s.Len() != 2 {
		t.Errorf("%d images after the archive changed", s.Len())
	}
	data, _ := os.ReadFile(name)
	writeFile(t, name, data[:len(data)-20])
	if _, err := Open(name, Options{CacheDir: cache}); err == nil || !strings.Contains(err.Error(), "copy it again") {
		t.Errorf("a gzipped archive that is cut short: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(cache, "*.tmp")); len(left) > 0 {
		t.Errorf("temporary files stay: %v", left)
	}
}

// TestUnpackBomb refuses an archive that grows too much by what its end says, and by what comes out if the end lies.
func TestUnpackBomb(t *testing.T) {
	bomb := gzipped(tarOf(t, regular("1.png", make([]byte, unpackLimit(100_000)))))
	lying := append(bytes.Clone(bomb), gzipped([]byte("end"))...)
	for name, data := range map[string][]byte{"honest": bomb, "lying": lying} {
		dir, cache := t.TempDir(), t.TempDir()
		writeFile(t, filepath.Join(dir, "d.tar.gz"), data)
		_, err := Open(filepath.Join(dir, "d.tar.gz"), Options{CacheDir: cache})
		if err == nil || !strings.Contains(err.Error(), "which images do not") {
			t.Errorf("%s: %v", name, err)
		}
		if left, _ := os.ReadDir(cache); len(left) > 0 {
			t.Errorf("%s: it left %v", name, left)
		}
	}
}

// TestFullDisk ends the unpacking without a rest.
func TestFullDisk(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.tar")
	data := gzipped(make([]byte, 40<<20))
	asked := 0
	err := gunzipTo(name, bytes.NewReader(data), int64(len(data)), func() error {
		if asked++; asked == 3 {
			return errors.New("the disk is full")
		}
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "disk is full") {
		t.Error(err)
	}
	if left, _ := os.ReadDir(filepath.Dir(name)); len(left) > 0 {
		t.Errorf("it left %v", left)
	}
	c := &cache{t.TempDir(), CacheMost}
	if err := c.make(1 << 60); err == nil || !strings.Contains(err.Error(), "XDG_CACHE_HOME") {
		t.Errorf("a file larger than any disk: %v", err)
	}
}

// TestCacheIsBounded removes what was not used for longest, and only when there is no room.
func TestCacheIsBounded(t *testing.T) {
	c := &cache{t.TempDir(), 2000}
	for k, name := range []string{"old-1.tar", "older-2.idx", "new-3.tar", "other.txt"} {
		writeFile(t, c.path(name), make([]byte, 100))
		used := time.Now().Add(-time.Duration([]int{5, 9, 1, 99}[k]) * time.Hour)
		if err := os.Chtimes(c.path(name), used, used); err != nil {
			t.Fatal(err)
		}
	}
	list, total := c.files()
	if len(list) != 3 || total != 300 || filepath.Base(list[0].path) != "older-2.idx" {
		t.Errorf("%v, %d bytes", list, total)
	}
	if err := c.make(1000); err != nil {
		t.Error(err)
	}
	if list, _ := c.files(); len(list) != 3 {
		t.Errorf("removed without need: %v", list)
	}
	if f, err := c.open("older-2.idx"); err != nil {
		t.Error(err)
	} else {
		f.Close()
	}
	if err := c.make(1800); err != nil { // together with two of them
		t.Error(err)
	}
	if list, _ := c.files(); len(list) != 2 || filepath.Base(list[0].path) != "new-3.tar" {
		t.Errorf("what was used last must stay: %v", list)
	}
	if err := c.make(1 << 60); err == nil {
		t.Error("a file larger than any disk has room")
	}
	if list, _ := c.files(); len(list) != 2 {
		t.Errorf("removed in vain: %v", list)
	}
	if _, err := os.Stat(c.path("other.txt")); err != nil {
		t.Error("it removed a file that is not its own")
	}
}

func TestHostileTar(t *testing.T) {
	px := pngOf(t, 1, 4, 4)
	data := tarOf(t,
		regular("ok/1.png", px),
		regular("../up.png", px), regular("a/../../up.png", px), regular("/etc/abs.png", px), regular(`a\..\b.png`, px),
		entry{tar.Header{Name: "link.png", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, nil},
		entry{tar.Header{Name: "hard.png", Typeflag: tar.TypeLink, Linkname: "ok/1.png"}, nil},
		entry{tar.Header{Name: "dev.png", Typeflag: tar.TypeChar}, nil},
		entry{tar.Header{Name: "pipe.png", Typeflag: tar.TypeFifo}, nil},
		regular("ok/2.png", px), regular("ok/2.png", pngOf(t, 2, 4, 4)),
	)
	name := filepath.Join(t.TempDir(), "d.tar")
	writeFile(t, name, data)
	s := opened(t, name, Options{})
	if got := describe(s); got != "hard.png ok/1.png ok/2.png" {
		t.Errorf("took %s", got)
	}
	if img, err := s.Image(2); err != nil || img.Pix[0] != 2 {
		t.Errorf("of two files with one name the last must count: %v, %v", img, err)
	}
	for _, want := range []string{"4 files: names that lead out", "1 file: links that lead out of the archive",
		"2 files: devices",
		"1 file: replaced"} {
		if !strings.Contains(strings.Join(s.Notes, "\n"), want) {
			t.Errorf("notes %q lack %q", s.Notes, want)
		}
	}
	for n := len(data) - 1100; n > 0; n -= 300 {
		writeFile(t, name, data[:n])
		if s, err := Open(name, Options{}); err == nil {
			if _, err := s.Image(s.Len() - 1); err != nil {
				t.Errorf("cut to %d bytes: opened, but %v", n, err)
			}
			s.Close()
		}
	}
}

func TestLinksInFolder(t *testing.T) {
	root := tree(t, "a.png", "sub/b.png")
	if err := errors.Join(os.Symlink("a.png", filepath.Join(root, "link.png")),
		os.Symlink(root, filepath.Join(root, "loop")),
		os.Symlink("nowhere", filepath.Join(root, "dangling.png"))); err != nil {
		t.Skip(err)
	}
	s := opened(t, root, Options{})
	if got := describe(s); got != "a.png link.png sub/b.png" {
		t.Errorf("took %s", got)
	}
	if len(s.Notes) != 2 {
		t.Errorf("notes %q", s.Notes)
	}
}

func TestCSV(t *testing.T) {
	root := tree(t, "1.png", "a/2.png", "a/3.png")
	list := filepath.Join(t.TempDir(), "labels.csv")
	for _, c := range []struct{ text, want string }{
		{"path,label\n1.png,dog\na/2.png,cat\n", "1.png=dog a/2.png=cat a/3.png"},
		{"\ufeffPath,Label\r\n\"1.png\", dog\r\n./a/3.png,x y\r\n", "1.png=dog a/2.png a/3.png=x y"},
		{"1.png,dog\na/2.png,\n", "1.png=dog a/2.png a/3.png"},
		{"1.png,dog\n1.png,dog\n", "1.png=dog a/2.png a/3.png"},
		{"1.png,dog\n\na/4.png,cat\n", "labels.csv, line 3: the data has no image a/4.png"},
		{"1.png,dog\n1.png,cat\n", `line 2: 1.png is "cat" here and "dog" in line 1`},
		{"path,label\n1.png\n", "line 2: 1 columns"},
		{"path,label\n1.png,\"dog\n", "line 2: "},
		{"path,label\n,dog\n", "line 2: the path is empty"},
		{"path,label\n\"1.png" + strings.Repeat("\n", 2<<20), "a quote is not closed"},
		{"path,label\n", "no rows"},
		{"", "no rows"},
	} {
		writeFile(t, list, []byte(c.text))
		s, err := Open(root, Options{Labels: list})
		got := fmt.Sprint(err)
		if err == nil {
			got = describe(s)
		}
		if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
			t.Errorf("%q\ngot  %s\nwant %s", c.text, got, c.want)
		}
	}

	split := tree(t, "train/1.png", "train/2.png", "test/1.png")
	writeFile(t, list, []byte("2.png,a\ntest/1.png,b\n"))
	if got := describe(opened(t, split, Options{Labels: list})); got != "train/1.png train/2.png=a" {
		t.Errorf("paths below the split: %s", got)
	}
	writeFile(t, list, []byte("1.png,a\n"))
	if _, err := Open(split, Options{Labels: list}); err == nil || !strings.Contains(err.Error(), "several splits") {
		t.Errorf("a path that two splits have: %v", err)
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	at := func(name string, data []byte) string {
		name = filepath.Join(dir, name)
		writeFile(t, name, data)
		return name
	}
	os.Mkdir(filepath.Join(dir, "empty"), 0o755)
	images := tree(t, "a.png")
	split := tree(t, "train/a.png")
	for _, c := range []struct {
		path string
		o    Options
		want string
	}{
		{filepath.Join(dir, "nothing"), Options{}, "no such file or folder"},
		{filepath.Join(dir, "empty"), Options{}, "holds no images"},
		{filepath.Dir(at("text/notes.txt", []byte("x"))), Options{}, "holds no images"},
		{filepath.Dir(at("shards/a.tar", []byte("x"))), Options{}, "the archive is cut short after 0 files"},
		{at("a.png", pngOf(t, 1, 4, 4)), Options{}, "the folder it lies in"},
		{at("a.zip", []byte("PK\x03\x04....")), Options{}, "not a readable zip"},
		{at("zero", nil), Options{}, "is empty"},
		{at("what", []byte("what is this")), Options{}, "neither a folder, nor"},
		{at("bad.tar", bytes.Repeat([]byte("x"), 2000)), Options{}, "not a readable tar"},
		{at("bad.tar.gz", []byte("\x1f\x8bxxxxxxxxxxxxxxxx")), Options{}, "gzip"},
		{images, Options{Split: "test"}, "has no split test"},
		{images, Options{Split: "tset"}, "train, val, test, all or none"},
		{split, Options{Split: "val"}, "its splits are train"},
		{images, Options{Labels: "folders"}, "no image lies in a folder"},
		{images, Options{Labels: "floders"}, "no such file"},
		{images + ":../x", Options{}, "must be a folder below"},
		{images + ":sub", Options{}, "no folder sub"},
		{"synthetic:0", Options{}, "synthetic:N"},
		{"synthetic:x", Options{}, "synthetic:N"},
		{"synthetic", Options{Size: 4}, "from 8 to 512"},
		{"synthetic", Options{Labels: "folders"}, "need image files"},
	} {
		c.o.CacheDir = t.TempDir()
		s, err := Open(c.path, c.o)
		if err == nil {
			t.Errorf("%s: opened, %d images", c.path, s.Len())
		} else if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %q does not say %q in one line", c.path, err, c.want)
		}
	}
}

func TestFingerprint(t *testing.T) {
	names := []string{"a/1.png", "a/2.png", "b/3.png"}
	root := tree(t, names...)
	mark := func(o Options) string { return opened(t, root, o).Fingerprint }
	first := mark(Options{})
	if other := tree(t, names...); opened(t, other, Options{}).Fingerprint != first {
		t.Error("it depends on where the data lies")
	}
	seen := map[string]string{first: "as it was"}
	check := func(what, fingerprint string) {
		if was, taken := seen[fingerprint]; taken {
			t.Errorf("%s: the same as %s", what, was)
		}
		seen[fingerprint] = what
	}
	check("without labels", mark(Options{Labels: "none"}))
	os.Rename(filepath.Join(root, "a/1.png"), filepath.Join(root, "a/0.png"))
	check("renamed", mark(Options{}))
	writeFile(t, filepath.Join(root, "a/4.png"), pngOf(t, 1, 8, 8))
	check("added", mark(Options{}))
	writeFile(t, filepath.Join(root, "a/4.png"), append(pngOf(t, 1, 8, 8), 0))
	check("resized", mark(Options{}))
	os.Remove(filepath.Join(root, "b/3.png"))
	check("removed", mark(Options{}))
	check("synthetic", opened(t, "synthetic:10", Options{}).Fingerprint)
	check("synthetic of another seed", opened(t, "synthetic:10", Options{Seed: 1}).Fingerprint)
}

// TestChangingFiles: a file that changes or disappears during a run is a bad image with a name, not a wrong image.
func TestChangingFiles(t *testing.T) {
	root := tree(t, "a.png", "b.png", "c.png", "d.png")
	s := opened(t, root, Options{MaxBytes: 5000})
	writeFile(t, filepath.Join(root, "a.png"), append(pngOf(t, 1, 8, 8), 0))
	os.Remove(filepath.Join(root, "b.png"))
	writeFile(t, filepath.Join(root, "c.png"), nil)
	for i, want := range []string{"changed", "no such file", "changed"} {
		_, err := s.Image(i)
		var bad *ImageError
		if !errors.As(err, &bad) || bad.Name != s.Name(i) || !strings.Contains(err.Error(), want) {
			t.Errorf("image %d: %v, want %q", i, err, want)
		}
	}
	if _, err := s.Image(3); err != nil {
		t.Error(err)
	}
	writeFile(t, filepath.Join(root, "d.png"), make([]byte, 5001))
	if _, err := opened(t, root, Options{MaxBytes: 5000}).Image(2); err == nil ||
		!strings.Contains(err.Error(), "limit of 5000") {
		t.Errorf("a file above the limit: %v", err)
	}
}

func FuzzTar(f *testing.F) {
	px := pngOf(f, 1, 4, 4)
	whole := tarOf(f, regular("a/1.png", px), regular(strings.Repeat("d/", 80)+"2.png", px),
		entry{tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "/"}, nil})
	f.Add(whole)
	f.Add(whole[:700])
	f.Add(tarOf(f, regular("../x", px)))
	f.Add(make([]byte, 1024))
	f.Fuzz(func(t *testing.T, data []byte) {
		var out skipped
		files, err := indexTar(bytes.NewReader(data), int64(len(data)), &out)
		if err != nil {
			return
		}
		for _, e := range files {
			if !filepath.IsLocal(e.name) || e.size < 0 || e.offset < 0 || e.offset+e.size > int64(len(data)) {
				t.Errorf("%q at %d, %d bytes, of %d", e.name, e.offset, e.size, len(data))
			}
		}
	})
}

func FuzzCSV(f *testing.F) {
	f.Add("path,label\na.png,cat\n\"b,c.png\",dog\n")
	f.Add("\ufeffa,b\r\n")
	f.Add("\"")
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := readCSV("labels.csv", strings.NewReader(text))
		if err == nil && len(rows) == 0 {
			t.Error("neither rows nor an error")
		}
		for _, r := range rows {
			if r.path == "" && !strings.Contains(text, "./") || r.line < 1 {
				t.Errorf("row %+v", r)
			}
		}
	})
}
