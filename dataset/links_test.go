// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"archive/tar"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func link(t *testing.T, target, name string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, name); err != nil {
		t.Skip(err)
	}
}

// TestFolderLinks: links to folders are followed, each folder is listed once and under its own name if it has one, and
// every link that is not followed is named.
func TestFolderLinks(t *testing.T) {
	pool := tree(t, "cat/1.png", "cat/2.png", "dog/3.png", "deep/x/4.png")
	for _, c := range []struct {
		name  string
		make  func(root string)
		want  string
		notes []string
	}{
		{"classes", func(root string) {
			link(t, filepath.Join(pool, "cat"), root+"/cat")
			link(t, filepath.Join(pool, "dog"), root+"/dog")
		}, "cat/1.png=cat cat/2.png=cat dog/3.png=dog", nil},
		{"the same folder twice", func(root string) {
			link(t, filepath.Join(pool, "cat"), root+"/b")
			link(t, filepath.Join(pool, "cat"), root+"/a")
		}, "a/1.png a/2.png", []string{"left out 1 folder: links to folders that are listed already (b)"}},
		{"a real folder keeps its name", func(root string) {
			writeFile(t, root+"/z/1.png", pngOf(t, 1, 8, 8))
			link(t, "z", root+"/a")
			link(t, ".", root+"/z/here")
		}, "z/1.png", []string{"2 folders: links to folders that are listed already (such as a)"}},
		{"a folder and one in it", func(root string) {
			link(t, filepath.Join(pool, "deep/x"), root+"/a")
			link(t, filepath.Join(pool, "deep"), root+"/b")
		}, "a/4.png", []string{"1 folder: listed already, through a link (b/x)"}},
		{"a circle of links", func(root string) {
			link(t, "b", root+"/a")
			link(t, "a", root+"/b")
			writeFile(t, root+"/1.png", pngOf(t, 1, 8, 8))
		}, "1.png", []string{"2 files: links to nothing"}},
		{"up, and to nothing", func(root string) {
			writeFile(t, root+"/1.png", pngOf(t, 1, 8, 8))
			link(t, "..", root+"/up")
			link(t, "/", root+"/top")
			link(t, "nowhere", root+"/no")
		}, "1.png", []string{"2 folders: links to a folder above the data", "1 file: links to nothing, or gone while " +
			"listing (no)"}},
		{"through a hidden name", func(root string) {
			link(t, filepath.Join(pool, "cat"), root+"/.cat")
			link(t, filepath.Join(pool, "dog"), root+"/dog")
		}, "dog/3.png", []string{"1 folder: hidden (.cat)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			c.make(root)
			s := opened(t, root, Options{})
			if got := describe(s); got != c.want {
				t.Errorf("took %s, want %s", got, c.want)
			}
			for _, note := range c.notes {
				if !strings.Contains(strings.Join(s.Notes, "\n"), note) {
					t.Errorf("notes %q lack %q", s.Notes, note)
				}
			}
			for i := range s.Len() {
				if _, err := s.Image(i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	root := t.TempDir()
	link(t, "nowhere", filepath.Join(root, "cat"))
	if _, err := Open(root, Options{}); err == nil || !strings.Contains(err.Error(), "links to nothing") {
		t.Errorf("the error of data without images does not name the link: %v", err)
	}
}

// TestUnreadableFolder: a folder that may not be read, and a file that may not be looked into, are left out.
func TestUnreadableFolder(t *testing.T) {
	root := tree(t, "1.png", "lost+found/2.png", "a/b/3.png")
	t.Cleanup(func() { readDir = os.ReadDir })
	readDir = func(name string) ([]os.DirEntry, error) {
		if base := filepath.Base(name); base == "lost+found" || base == "b" {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
		}
		return os.ReadDir(name)
	}
	s := opened(t, root, Options{})
	if got, want := s.Summary(), "left out 2 folders: may not be read (such as a/b)"; describe(s) != "1.png" ||
		!strings.Contains(got, want) {
		t.Errorf("took %s: %s", describe(s), got)
	}
	if _, err := Open(root+":lost+found", Options{}); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("the folder itself: %v", err)
	}
}

func hard(name, target string) entry {
	return entry{tar.Header{Name: name, Typeflag: tar.TypeLink, Linkname: target}, nil}
}

func soft(name, target string) entry {
	return entry{tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: target}, nil}
}

// TestTarLinks: a link of an archive is the member to which it leads; what leads nowhere, in a circle or outside is
// left out and counted.
func TestTarLinks(t *testing.T) {
	a, b := pngOf(t, 10, 4, 4), pngOf(t, 20, 4, 4)
	name := filepath.Join(t.TempDir(), "d.tar")
	writeFile(t, name, tarOf(t,
		hard("early/0.png", "all/1.png"), // before its file
		regular("all/1.png", a), regular("all/2.png", b),
		hard("train/1.png", "all/1.png"), hard("train/x.png", "./all/../all/2.png"),
		soft("test/2.png", "../all/2.png"), soft("test/3.png", "2.png"), hard("test/4.png", "test/3.png"),
		soft("by", "all"), soft("test/5.png", "../by/1.png"), // through a link to a folder
		soft("up.png", "../../etc/passwd"), soft("abs.png", "/etc/passwd"), hard("out.png", "../x.png"),
		hard("abs2.png", "/etc/passwd"),
		soft("none.png", "nothing.png"), soft("c1.png", "c2.png"), soft("c2.png", "c1.png"), soft("self.png",
			"self.png"),
		regular("gone.png", a), soft("gone.png", "all/2.png"), // the later one counts
		soft("back.png", "all/2.png"), regular("back.png", a),
		hard("all/1.png", "all/1.png"), // changes nothing
	))
	s := opened(t, name, Options{Split: SplitAll})
	var got []string
	for i := range s.Len() {
		img, err := s.Image(i)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, s.Name(i)+map[byte]string{10: "=a", 20: "=b"}[img.Pix[0]])
	}
	want := []string{"all/1.png=a", "all/2.png=b", "back.png=a", "early/0.png=a", "gone.png=b", "test/2.png=b",
		"test/3.png=b",
		"test/4.png=b", "test/5.png=a", "train/1.png=a", "train/x.png=b"}
	if !slices.Equal(got, want) {
		t.Errorf("took %q\nwant %q", got, want)
	}
	notes := strings.Join(s.Notes, "\n")
	for _, want := range []string{"4 files: links that lead out of the archive (such as abs.png)",
		"1 file: links to nothing in the archive (none.png)", "3 files: links in a circle (such as c1.png)",
		"1 folder: links to folders that are listed already (by)"} {
		if !strings.Contains(notes, want) {
			t.Errorf("notes %s\nlack %q", notes, want)
		}
	}
}
