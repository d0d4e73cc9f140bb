// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func contentOf(t *testing.T, s *Source) Content {
	t.Helper()
	c, err := s.Content(context.Background(), HashSample)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// changesSince opens the data again, as a resume does.
func changesSince(t *testing.T, before Content, path string) ContentChanges {
	t.Helper()
	now, err := opened(t, path, Options{}).Like(context.Background(), before)
	if err != nil {
		t.Fatal(err)
	}
	return before.Changes(now)
}

func TestContentOfAFolder(t *testing.T) {
	root := tree(t, "a.png", "b.png", "c.png", "caf\xe9.png")
	before := contentOf(t, opened(t, root, Options{}))
	later := time.Now().Add(time.Hour)
	for _, name := range []string{"a.png", "caf\xe9.png"} {
		if err := os.Chtimes(filepath.Join(root, name), later, later); err != nil {
			t.Fatal(err)
		}
	}
	if d := changesSince(t, before, root); d.Any() || d.Unknown > 0 {
		t.Errorf("other times: %+v", d)
	}
	var file bytes.Buffer
	path := filepath.Join(t.TempDir(), "data.jsonl")
	if err := before.Write(&file); err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, file.Bytes())
	if back, err := ReadContent(path); err != nil || back.Digest() != before.Digest() || len(back) != 4 {
		t.Errorf("read %v, error %v", back, err)
	}

	// Two files change places, with their times: only what they contain tells.
	for _, move := range [][2]string{{"a.png", "t"}, {"b.png", "a.png"}, {"t", "b.png"}} {
		if err := os.Rename(filepath.Join(root, move[0]), filepath.Join(root, move[1])); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, filepath.Join(root, "d.png"), pngOf(t, 9, 8, 8))
	if err := os.Remove(filepath.Join(root, "caf\xe9.png")); err != nil {
		t.Fatal(err)
	}
	want := `changed: "a.png", "b.png"; removed: "caf\xe9.png"; added: "d.png"`
	if got := changesSince(t, before, root).String(); got != want {
		t.Errorf("it tells %s, want %s", got, want)
	}
}

func TestContentOfFormats(t *testing.T) {
	folder := t.TempDir()
	image := pngOf(t, 1, 8, 8)
	archive := filepath.Join(folder, "a.tar")
	writeFile(t, archive, tarOf(t, regular("x/1.png", image), regular("x/2.png", pngOf(t, 2, 8, 8))))
	before := contentOf(t, opened(t, archive, Options{}))
	if len(before) != 2 || before[0].Name != "x/1.png" {
		t.Errorf("of an archive: %v", before)
	}
	writeFile(t, archive, tarOf(t, regular("x/1.png", image), regular("x/2.png", pngOf(t, 3, 8, 8))))
	if d := changesSince(t, before, archive); strings.Join(d.Changed, " ") != "x/2.png" {
		t.Errorf("of an archive with another image: %+v", d)
	}
	if c := contentOf(t, opened(t, "synthetic:9", Options{})); c != nil {
		t.Errorf("of synthetic images: %v", c)
	}
}

// Of much data, a sample is hashed: the same files each time. A file outside it that has another time is told.
func TestContentSample(t *testing.T) {
	var names []string
	for i := range 30 {
		names = append(names, string(rune('a'+i))+".png")
	}
	root := tree(t, names...)
	s := opened(t, root, Options{})
	places := s.files()
	before, err := s.content(t.Context(), places, s.sample(places, 100, 5))
	if err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(time.Hour)
	for _, name := range names {
		if err := os.Chtimes(filepath.Join(root, name), later, later); err != nil {
			t.Fatal(err)
		}
	}
	if d := changesSince(t, before, root); d.Any() || d.Unknown != 25 {
		t.Errorf("%+v, want 25 files of which nothing is known", d)
	}
	if all := s.sample(places, 1<<40, 5); len(all) != 30 {
		t.Errorf("of little data %d files are hashed", len(all))
	}
}
