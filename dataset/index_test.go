// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// manyFiles makes folders of images, some hidden, linked and empty, and lets folders of any size have an index. reads
// counts the folders that are read.
func manyFiles(t *testing.T) (dir string, o Options, reads *atomic.Int64) {
	t.Helper()
	dir = t.TempDir()
	for i := range 40 {
		writeFile(t, filepath.Join(dir, fmt.Sprintf("class%d/%02d.png", i%4, i)), pngOf(t, byte(i), 4, 4))
	}
	writeFile(t, filepath.Join(dir, ".hidden/x.png"), pngOf(t, 1, 4, 4))
	writeFile(t, filepath.Join(dir, "notes.txt"), []byte("x"))
	if err := os.Symlink("class0", filepath.Join(dir, "zlink")); err != nil {
		t.Fatal(err)
	}
	least, read := indexLeast, readDir
	t.Cleanup(func() { indexLeast, readDir = least, read })
	indexLeast, reads = 0, new(atomic.Int64)
	readDir = func(name string) ([]fs.DirEntry, error) {
		reads.Add(1)
		return read(name)
	}
	age(t, dir)
	return dir, Options{CacheDir: t.TempDir()}, reads
}

// age waits until no folder is in doubt.
func age(t *testing.T, dir string) {
	t.Helper()
	for {
		var last int64
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				m, err := markOf(path)
				if err != nil {
					t.Skip(err)
				}
				last = max(last, m.changed)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if time.Since(time.Unix(0, last)) > indexDoubt+100*time.Millisecond {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// listsAlike opens the folder with the index and without one, and returns the source with it.
func listsAlike(t *testing.T, dir string, o Options) *Source {
	t.Helper()
	got := opened(t, dir, o)
	t.Setenv(NoCacheVariable, "1")
	want := opened(t, dir, o)
	t.Setenv(NoCacheVariable, "")
	if got.Fingerprint != want.Fingerprint || got.Summary() != want.Summary() || describe(got) != describe(want) ||
		!slices.Equal(got.Notes, want.Notes) {
		t.Errorf("with the index:\n%s %s\nwithout:\n%s %s", got.Summary(), describe(got), want.Summary(),
			describe(want))
	}
	return got
}

// TestIndex: the second time no folder is read that has not changed, and what is listed is the same; what comes, goes
// and gets another name is seen.
func TestIndex(t *testing.T) {
	dir, o, reads := manyFiles(t)
	again := func(what string, want int64) *Source {
		t.Helper()
		reads.Store(0)
		s := opened(t, dir, o)
		if got := reads.Load(); got != want {
			t.Errorf("%s: %d folders are read, want %d", what, got, want)
		}
		listsAlike(t, dir, o)
		return s
	}
	again("the first time", 5)
	again("the second time", 0)
	writeFile(t, filepath.Join(dir, "class1/new.png"), pngOf(t, 1, 4, 4))
	again("a new file", 1)
	age(t, dir)
	again("once more, as it was new", 1)
	again("and then no more", 0)
	if err := os.Remove(filepath.Join(dir, "class2/02.png")); err != nil {
		t.Fatal(err)
	}
	again("a file is removed", 1)
	if err := os.Rename(filepath.Join(dir, "class3"), filepath.Join(dir, "class4")); err != nil {
		t.Fatal(err)
	}
	again("a folder has another name", 3) // the top, the folder, and the one from before
	writeFile(t, filepath.Join(dir, "deep/er/new.png"), pngOf(t, 1, 4, 4))
	age(t, dir)
	again("new folders", 5) // and two that were in doubt
	again("all is known", 0)
}

// TestIndexOfOthers: an index that is damaged, of another version or of another folder is none.
func TestIndexOfOthers(t *testing.T) {
	dir, o, reads := manyFiles(t)
	opened(t, dir, o)
	names, err := filepath.Glob(filepath.Join(o.CacheDir, "*.index"))
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	sound, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(sound); at += 7 {
		for _, bad := range [][]byte{sound[:at], append(slices.Clone(sound[:at]), sound[at]^1)} {
			bad = append(bad, sound[min(len(sound), len(bad)+at%2):]...)
			if string(bad) == string(sound) {
				continue
			}
			if err := os.WriteFile(names[0], bad, 0o600); err != nil {
				t.Fatal(err)
			}
			reads.Store(0)
			if s := opened(t, dir, o); s.Len() != 40 || reads.Load() != 5 {
				t.Errorf("damaged at %d: %d images, %d folders are read", at, s.Len(), reads.Load())
			}
		}
	}
	if parseIndex(sound, dir+"x") != nil {
		t.Error("an index of another folder")
	}
}

// TestWrittenInPlace: files that are written in place, which changes no folder, are seen: by the images at once, by the
// list if there are many, and by a run in any case.
func TestWrittenInPlace(t *testing.T) {
	dir, o, reads := manyFiles(t)
	before, err := opened(t, dir, o).Content(context.Background(), HashAll)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		path := filepath.Join(dir, fmt.Sprintf("class%d/%02d.png", i%4, i))
		if err := os.WriteFile(path, append(pngOf(t, byte(i), 9, 9), "more"...), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	reads.Store(0)
	s := listsAlike(t, dir, o)
	if reads.Load() < 5 {
		t.Error("no folder is read again, though all files are others")
	}
	if d, err := s.Like(context.Background(), before); err != nil || len(before.Changes(d).Changed) != 40 {
		t.Errorf("%v %v", d, err)
	}

	// A single file, which the look at some files misses.
	s = opened(t, dir, o)
	if s.whole.list.index == "" {
		t.Fatal("the list is not from the index")
	}
	name := filepath.Join(dir, s.Name(3))
	if err := os.WriteFile(name, append(pngOf(t, 3, 5, 5), "something else"...), 0o666); err != nil {
		t.Fatal(err)
	}
	if img, err := s.Image(3); err != nil || img.W != 5 {
		t.Errorf("an image that was written in place: %v %v", img, err)
	}
	_, err = s.Content(context.Background(), HashAll)
	if err == nil || !strings.Contains(err.Error(), "1 files, such as "+s.Name(3)+", were written in place") {
		t.Errorf("the content: %v", err)
	}
	if _, err := opened(t, dir, o).Content(context.Background(), HashAll); err != nil {
		t.Errorf("given again: %v", err)
	}
	now := time.Now().Add(-time.Hour)
	if err := os.Chtimes(name, now, now); err != nil {
		t.Fatal(err)
	}
	c, err := opened(t, dir, o).Content(context.Background(), HashAll)
	if err != nil || c[3].Modified != now.UnixNano() {
		t.Errorf("the time of a file that was touched: %v %v", c[3].Modified, err)
	}
}

// TestNoIndex: the variable, and a cache that cannot be written, leave a folder without an index.
func TestNoIndex(t *testing.T) {
	dir, o, _ := manyFiles(t)
	t.Setenv(NoCacheVariable, "1")
	opened(t, dir, o)
	if names, _ := os.ReadDir(o.CacheDir); len(names) > 0 {
		t.Errorf("the cache holds %v", names)
	}
	t.Setenv(NoCacheVariable, "")
	o.CacheDir = filepath.Join(dir, "notes.txt")
	if s := opened(t, dir, o); s.Len() != 40 {
		t.Errorf("%d images", s.Len())
	}
}

func FuzzIndex(f *testing.F) {
	c := &crawled{began: time.Unix(100, 0), folders: map[string]*crawledFolder{
		"/a": {mark: mark{1, 2, 3, 4, 5}, entries: []crawledEntry{{name: "x", size: 7, modified: -9},
			{name: "b", kind: entryFolder}}},
		"/a/b": {mark: mark{modified: 9}, entries: []crawledEntry{}},
	}}
	sound := c.bytes("/a")
	f.Add(sound[:len(sound)-4])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		text := withChecksum(body)
		got := parseIndex(text, "/a")
		if got == nil {
			return
		}
		got.began = time.Unix(1<<40, 0)
		for _, folder := range got.folders {
			folder.kept = true
		}
		if again := parseIndex(got.bytes("/a"), "/a"); again == nil {
			t.Error("it cannot be written again")
		}
	})
}
