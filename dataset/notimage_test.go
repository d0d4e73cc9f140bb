// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/internal/sheet"
)

// TestContentDecides: a file whose ending says nothing is taken if its first bytes are those of an image.
func TestContentDecides(t *testing.T) {
	root := tree(t, "a.png", "n01440764_1", "hash.0f3a", "photo.heic", "raw.dng", "b.JPEG")
	for name, text := range map[string]string{
		"a.xmp": "<x:xmpmeta/>", "a.aae": "<plist/>", "a.cls": "3", "a.svg": "<svg/>", "a.nfo": "",
		"x.jxl":    "\xff\x0a",
		"fake.png": "not an image", "note.txt": "x", "checksums": "abc",
	} {
		writeFile(t, filepath.Join(root, name), []byte(text))
	}
	s := opened(t, root, Options{})
	// An ending of an image is trusted until the file is decoded.
	if got := describe(s); got != "a.png b.JPEG fake.png hash.0f3a n01440764_1 photo.heic" {
		t.Errorf("took %s", got)
	}
	for _, want := range []string{"6 files: not images by their content (such as a.aae)",
		"2 files: images of a format that is not read: convert them to JPEG or PNG (such as raw.dng)",
		"1 file: not images by their names (note.txt)"} {
		if !strings.Contains(s.Summary(), want) {
			t.Errorf("%s\nlacks %q", s.Summary(), want)
		}
	}
	if len(s.Facts.LeftOut) != 3 || s.Facts.LeftOut[0].Count != 6 || len(s.Facts.LeftOut[0].Examples) != 3 {
		t.Errorf("facts %+v", s.Facts.LeftOut)
	}
}

// TestOutputsAreNoInput: runs, clusterings and contact sheets among the images are left out, whatever they are called.
func TestOutputsAreNoInput(t *testing.T) {
	photos := []string{"1.png", "2.png", "sub/3.png"}
	root := tree(t, photos...)
	before := opened(t, root, Options{}).Fingerprint
	write := func(name, text string) { writeFile(t, filepath.Join(root, name), []byte(text)) }
	for _, name := range []string{"runs/simclr-1/config.yaml", "runs/simclr-1/lock", "runs/simclr-1/metrics.jsonl",
		"runs/simclr-1/tensorboard/events.out.tfevents.1", "sub/old/config.yaml", "sub/old/encoder.safetensors",
		"runs/cluster-1/cluster.json", "runs/cluster-1/report.json", "runs/cluster-1/pretext/config.yaml",
		"runs/cluster-1/pretext/lock"} {
		write(name, "x")
	}
	write("runs/simclr-1/picture.png", string(pngOf(t, 1, 8, 8)))
	write("runs/cluster-1/clusters/cluster-00.png", string(pngOf(t, 1, 8, 8)))
	page, _ := sheet.New(1, 1, 8, 0)
	var b bytes.Buffer
	if err := sheet.WritePNG(&b, page); err != nil {
		t.Fatal(err)
	}
	write("views.png", b.String())
	write("sub/renamed.PNG", b.String())
	s := opened(t, root, Options{})
	if got := describe(s); got != "1.png 2.png sub/3.png" || s.Fingerprint != before {
		t.Errorf("took %s", got)
	}
	for _, want := range []string{"2 folders: written by Parallax: a run (such as runs/simclr-1)",
		"1 folder: written by Parallax: a clustering (runs/cluster-1)", "2 files: contact sheets that Parallax drew"} {
		if !strings.Contains(s.Summary(), want) {
			t.Errorf("%s\nlacks %q", s.Summary(), want)
		}
	}
	for _, path := range []string{filepath.Join(root, "runs/simclr-1"), root + ":runs/simclr-1"} {
		if _, err := Open(path, Options{}); err == nil || !strings.Contains(err.Error(), "the folder of a run") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if s := opened(t, filepath.Join(root, "views.png", ".."), Options{}); s.Len() != 3 {
		t.Errorf("%d images", s.Len())
	}
	// A data set's own config.yaml is no run.
	own := tree(t, "1.png")
	writeFile(t, filepath.Join(own, "config.yaml"), []byte("names: [cat]"))
	os.Mkdir(filepath.Join(own, "checkpoints"), 0o755)
	if s := opened(t, own, Options{}); s.Len() != 1 {
		t.Errorf("%d images", s.Len())
	}
}

// TestNamesAreQuoted: no name from the data reaches a message with its control characters.
func TestNamesAreQuoted(t *testing.T) {
	const bad = "a\x1b]0;x\x07\u202e"
	root := tree(t, bad+"/1.png", "b/2.png", "b/"+bad+".png")
	writeFile(t, filepath.Join(root, bad+".txt"), nil)
	writeFile(t, filepath.Join(root, "b", bad+".png"), []byte("broken"))
	csv := filepath.Join(t.TempDir(), bad+".csv")
	writeFile(t, csv, []byte("nothing"+bad+",x\n"))
	s := opened(t, root, Options{})
	texts := append([]string{s.Summary()}, s.Notes...)
	for i := range s.Len() {
		if _, err := s.Image(i); err != nil {
			texts = append(texts, err.Error())
			q, _ := NewQuarantine(1, "")
			texts = append(texts, q.Add(0, s.Name(i), err).Error())
		}
	}
	for _, o := range []Options{{Labels: csv}, {Labels: bad}, {Split: bad}} {
		_, err := Open(root, o)
		texts = append(texts, err.Error())
	}
	for _, path := range []string{bad, root + ":" + bad + "x", root + ":../" + bad} {
		_, err := Open(path, Options{})
		texts = append(texts, err.Error())
	}
	if len(texts) < 9 {
		t.Errorf("only %d texts", len(texts))
	}
	for _, text := range texts {
		if strings.ContainsAny(text, "\x1b\x07\u202e\n") {
			t.Errorf("%q", text)
		}
	}
}
