// SPDX-License-Identifier: Apache-2.0

package bombs

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

func archives() []Bomb {
	return append(large(
		file("tar.gz of 1 GB of zeros", "data.tar.gz", gzipped(files(1, 1<<30))),
		file("tar.gz of 2,000 files of 1 MB", "data.tar.gz", gzipped(files(2_000, 1<<20))),
		file("tar.gz of two parts, the last of which is small", "data.tar.gz", func(to io.Writer) error {
			if err := gzipped(files(2_000, 1<<20))(to); err != nil {
				return err
			}
			return gzipped(func(w io.Writer) error { _, err := io.WriteString(w, "end"); return err })(to)
		}),
		file("tar.gz of 300,000 empty files", "data.tar.gz", gzipped(files(300_000, 0))),
		file("zip of 2,000 files of 1 MB", "data.zip", zipped(2_000, 1<<20)),
		file("zip of one file of 500 MB", "data.zip", zipped(1, 500<<20)),
		file("zip of 16 files of 64 MB", "data.zip", zipped(16, 64<<20)),
	), []Bomb{
		file("zip of 16 files of 24 MB", "data.zip", zipped(16, 24<<20)),
		file("tar.gz cut short", "data.tar.gz", func(to io.Writer) error {
			var b bytes.Buffer
			if err := gzipped(files(50, 1<<20))(&b); err != nil {
				return err
			}
			_, err := to.Write(b.Bytes()[:b.Len()-9])
			return err
		}),
	}...)
}

func file(name, path string, content func(io.Writer) error) Bomb {
	return Bomb{Name: name, Write: func(dir string) (string, error) {
		return path, write(filepath.Join(dir, path), content)
	}}
}

func write(path string, content func(io.Writer) error) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return content(f)
}

func gzipped(content func(io.Writer) error) func(io.Writer) error {
	return func(to io.Writer) error {
		z := gzip.NewWriter(to)
		if err := content(z); err != nil {
			return err
		}
		return z.Close()
	}
}

// files is an archive with n files of zeros that are called like images.
func files(n int, size int64) func(io.Writer) error {
	return func(to io.Writer) error {
		w := tar.NewWriter(to)
		for i := range n {
			h := tar.Header{Name: fmt.Sprintf("zeros%06d.png", i), Mode: 0o666, Size: size, Format: tar.FormatUSTAR}
			if err := w.WriteHeader(&h); err != nil {
				return err
			}
			if _, err := io.Copy(w, nothing(size)); err != nil {
				return err
			}
		}
		return w.Close()
	}
}

// zipped is an archive with n files of zeros that are called like images.
func zipped(n int, size int64) func(io.Writer) error {
	return func(to io.Writer) error {
		z := zip.NewWriter(to)
		for i := range n {
			w, err := z.Create(fmt.Sprintf("zeros%06d.png", i))
			if err != nil {
				return err
			}
			if _, err := io.Copy(w, nothing(size)); err != nil {
				return err
			}
		}
		return z.Close()
	}
}

func idx() []Bomb {
	const images, labels = 3, 1
	return append(large(
		idxFile("IDX of 2 GB of zeros, gzipped", true, images, []uint32{2_000_000, 32, 32}, 2_000_000*32*32),
	), []Bomb{
		idxFile("IDX that claims 2 GB, gzipped", true, images, []uint32{2_000_000, 32, 32}, 1<<20),
		idxFile("IDX of 60,000,000 images of 1 pixel, gzipped", true, images, []uint32{60_000_000, 1, 1}, 60_000_000),
		idxFile("IDX of 60,000,000 images of 1 pixel", false, images, []uint32{60_000_000, 1, 1}, 60_000_000),
		idxFile("IDX of one image of 60,000 x 60,000", false, images, []uint32{1, 60_000, 60_000}, 1<<20),
		idxFile("IDX of labels", true, labels, []uint32{2_000_000_000}, 1<<20),
	}...)
}

// idxFile is an IDX file of n zeros whose header claims other dimensions.
func idxFile(name string, zipped bool, kind byte, dims []uint32, n int64) Bomb {
	return Bomb{Name: name, Write: func(dir string) (string, error) {
		content := func(to io.Writer) error {
			header := []byte{0, 0, 8, kind}
			for _, d := range dims {
				header = binary.BigEndian.AppendUint32(header, d)
			}
			if _, err := to.Write(header); err != nil {
				return err
			}
			_, err := io.Copy(to, nothing(n))
			return err
		}
		path := "train-images-idx3-ubyte"
		if zipped {
			content, path = gzipped(content), path+".gz"
		}
		folder := filepath.Join(dir, "data")
		if err := os.Mkdir(folder, 0o777); err != nil {
			return "", err
		}
		return "data", write(filepath.Join(folder, path), content)
	}}
}
