// SPDX-License-Identifier: Apache-2.0

package parts

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// ordinary is how many good images a folder or an archive has beside what is hostile.
const ordinary = 24

// picture is the PNG file of a small picture, another one for each number.
func picture(n int) []byte {
	r := rand.New(rand.NewPCG(uint64(n), 7))
	m := image.NewRGBA(image.Rect(0, 0, 24, 24))
	from, to := r.IntN(200), r.IntN(200)
	for y := range 24 {
		for x := range 24 {
			m.Set(x, y, color.RGBA{uint8(from + x + r.IntN(20)), uint8(to + y), uint8(r.IntN(255)), 255})
		}
	}
	var b bytes.Buffer
	_ = png.Encode(&b, m)
	return b.Bytes()
}

// pictures writes a folder of ordinary pictures in two classes.
func pictures(folder string) error {
	for i := range ordinary {
		path := filepath.Join(folder, []string{"apple", "pear"}[i%2], fmt.Sprintf("%03d.png", i))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(path, picture(i), 0o666); err != nil {
			return err
		}
	}
	return nil
}

// archive writes a tar file, compressed if its name says so, of ordinary pictures and what add adds.
func archive(path string, add func(*tar.Writer) error) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if closing := f.Close(); err == nil {
			err = closing
		}
	}()
	var to io.Writer = f
	if strings.HasSuffix(path, ".gz") {
		z, err := gzip.NewWriterLevel(f, gzip.BestSpeed)
		if err != nil {
			return err
		}
		defer z.Close()
		to = z
	}
	w := tar.NewWriter(to)
	for i := range ordinary {
		name := fmt.Sprintf("%s/%03d.png", []string{"apple", "pear"}[i%2], i)
		if err := entry(w, tar.Header{Name: name}, picture(i)); err != nil {
			return err
		}
	}
	if err := add(w); err != nil {
		return err
	}
	return w.Close()
}

// entry writes an entry of an archive.
func entry(w *tar.Writer, h tar.Header, data []byte) error {
	if h.Typeflag == 0 {
		h.Typeflag = tar.TypeReg
	}
	if h.Mode = 0o666; h.Typeflag == tar.TypeReg {
		h.Size = int64(len(data))
	}
	if err := w.WriteHeader(&h); err != nil {
		return err
	}
	_, err := w.Write(data)
	return err
}

// onImages is a short run on images. more are flags besides.
func onImages(data, steps string, more ...string) []string {
	return append([]string{"pretrain", "--data", data, "--method", "simclr", "--preset", "tiny-cpu", "--size", "16",
		"--backbone", "resnet8", "--set", "backbone.width=4", "--batch", "8", "--max-steps", steps, "--threads", "1",
		"--workers", "2", "--set", "probe.limit=16", "--out", "run"}, more...)
}
