// SPDX-License-Identifier: Apache-2.0

package parts

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/parallax-ssl/parallax/internal/torture/campaign"
)

// hostileEntries are what an archive has beside ordinary pictures.
var hostileEntries = map[string]func(*tar.Writer) error{
	"parent":         named("../outside.png"),
	"parent inside":  named("apple/../../outside.png"),
	"absolute":       named("/outside.png"),
	"twice absolute": named("//outside.png"),
	"backslashes":    named(`..\outside.png`),
	"drive":          named(`C:\outside.png`),
	"drive and dots": named(`c:/../outside.png`),
	"only dots":      named(".."),
	"a dot":          named("."),
	"long":           named("apple/" + strings.Repeat("x", 5000) + ".png"),
	"deep":           named(strings.Repeat("d/", 1500) + "outside.png"),
	"not UTF-8":      named("apple/\xff\xfe.png"),
	"controls":       named("apple/\x1b[31m\x07.png"),
	"new line":       named("apple/a\nb.png"),
	"reserved":       named("apple/CON.png"),
	"the lock":       named("lock"),
	"duplicate":      named("apple/000.png"),
	"other case":     named("APPLE/000.PNG"),
	"file as folder": named("apple/000.png/inside.png"),
	"folder as file": named("apple"),
	"link out": linked(tar.Header{Name: "apple/link", Typeflag: tar.TypeSymlink, Linkname: "../../.."},
		"apple/link/outside.png"),
	"absolute link": linked(tar.Header{Name: "link", Typeflag: tar.TypeSymlink, Linkname: "/"}, "link/outside.png"),
	"hard link out": linked(tar.Header{Name: "apple/passwd.png", Typeflag: tar.TypeLink,
		Linkname: "../../../etc/passwd"},
		"apple/passwd.png"),
	"hard link": linked(tar.Header{Name: "apple/again.png", Typeflag: tar.TypeLink, Linkname: "apple/000.png"}, ""),
	"loop":      linked(tar.Header{Name: "apple/loop", Typeflag: tar.TypeSymlink, Linkname: "loop"}, ""),
	"device":    linked(tar.Header{Name: "apple/null.png", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3}, ""),
	"pipe":      linked(tar.Header{Name: "apple/pipe.png", Typeflag: tar.TypeFifo}, ""),
	"cut off": func(w *tar.Writer) error {
		return w.WriteHeader(&tar.Header{Name: "apple/cut.png", Mode: 0o666, Size: 1 << 40})
	},
	"an archive in it": func(w *tar.Writer) error {
		return entry(w, tar.Header{Name: "inside.tar"}, picture(3))
	},
	"many entries": func(w *tar.Writer) error {
		for i := range 20_000 {
			if err := entry(w, tar.Header{Name: fmt.Sprintf("apple/%06d.txt", i)}, nil); err != nil {
				return err
			}
		}
		return nil
	},
}

// named adds a picture under a name.
func named(name string) func(*tar.Writer) error {
	return func(w *tar.Writer) error { return entry(w, tar.Header{Name: name}, picture(99)) }
}

// linked adds a special entry, and a picture that goes through it.
func linked(h tar.Header, through string) func(*tar.Writer) error {
	return func(w *tar.Writer) error {
		if err := entry(w, h, nil); err != nil || through == "" {
			return err
		}
		return entry(w, tar.Header{Name: through}, picture(99))
	}
}

var archives = campaign.Part{
	Name: "archive",
	About: "archives with paths that lead out, links, devices, duplicates, long and odd names, cut off; nothing " +
		"is written outside the cache, which holds only files and folders, and the run goes on or refuses in " +
		"one line",
	Plan: func(b *campaign.Bench) (cases []campaign.Case, err error) {
		names := sorted(hostileEntries)
		if b.Short {
			names = sample(b, names, 4)
		}
		for _, name := range names {
			for _, suffix := range []string{".tar", ".tar.gz"} {
				add(&cases, name+suffix, func(ctx context.Context, dir string) campaign.Outcome {
					return unpacked(ctx, b, hostileEntries[name], suffix, dir)
				})
			}
		}
		return cases, nil
	},
}

// unpacked trains on an archive and looks at what was written where.
func unpacked(ctx context.Context, b *campaign.Bench, hostile func(*tar.Writer) error, suffix,
	dir string) (o campaign.Outcome) {
	inner := filepath.Join(dir, "a", "b", "c") // paths with a few dots end within the case's folder
	if o.Failed(os.MkdirAll(inner, 0o777)) {
		return o
	}
	data := "data" + suffix
	err := archive(filepath.Join(inner, data), hostile)
	if err != nil && !strings.Contains(err.Error(), "missed writing") {
		o.Failed(err)
		return o
	}
	cache := filepath.Join(inner, "cache")
	e, err := b.Program.With("XDG_CACHE_HOME="+cache).Run(ctx, inner, onImages(data, "2")...)
	if o.Failed(err) {
		return o
	}
	if o.Add("archives", 1); e.Status != 0 || e.Signal != 0 {
		o.Add("refused", 1)
		refused(e, &o)
	}
	if bytes.ContainsAny([]byte(e.Output), "\x1b\x07") {
		o.Fault("control characters of a name are printed")
	}
	o.Failed(filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := filepath.Base(path); strings.Contains(name, "outside") && !strings.HasPrefix(path, cache) {
			o.Fault("%s was written outside", path)
		}
		if !d.IsDir() && !d.Type().IsRegular() {
			o.Fault("%s is neither a file nor a folder", path)
		}
		return nil
	}))
	for _, path := range []string{"/outside.png", "/passwd.png"} {
		if exists(path) {
			o.Fault("%s was written", path)
			_ = os.Remove(path)
		}
	}
	return o
}
