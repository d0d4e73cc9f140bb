// SPDX-License-Identifier: Apache-2.0

package parts

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/gif"
	"image/jpeg"
	"io"
	"os"
	"path/filepath"
)

// A bomb is small data that takes much memory or time if one lets it. write makes it at a path, a folder or a file,
// and returns what to give to --data.
type bomb struct {
	name  string
	write func(dir string) (data string, err error)
}

var bombs = []bomb{
	inFolder("png 1 bit, 30,000 x 30,000", pngBomb(30_000, 30_000, 1, 0)),
	inFolder("png 13,300 x 13,300, 1 bit", pngBomb(13_300, 13_300, 1, 0)),
	inFolder("png RGBA of 16 bits, 9,000 x 9,000", pngBomb(9_000, 9_000, 16, 6)),
	inFolder("png grey, 12,000 x 12,000", pngBomb(12_000, 12_000, 8, 0)),
	inFolder("png 6,000 x 1", pngBomb(6_000, 1, 8, 0)),
	inFolder("png 60,000 x 1", pngBomb(60_000, 1, 8, 0)),
	inFolder("png 1 x 65,535", pngBomb(1, 65_535, 8, 0)),
	inFolder("png with a profile of 512 MB", pngChunk("iCCP", "x\x00\x00")),
	inFolder("png with a text of 512 MB", pngChunk("zTXt", "x\x00\x00")),
	inFolder("jpeg of 65,500 x 65,500", jpegBomb),
	inFolder("gif of 65,535 x 65,535", gifBomb),
	inFolder("bmp of 30,000 x 30,000", bmpBomb),
	eight("eight png 1 bit, 13,300 x 13,300", pngBomb(13_300, 13_300, 1, 0)),
	{"tar.gz of 1 GB of zeros", tarBomb(1, 1<<30)},
	{"tar.gz of 2,000 files of 1 MB", tarBomb(2_000, 1<<20)},
	{"IDX of 2 GB of zeros, gzipped", idxBomb},
}

// inFolder puts a file among ordinary pictures.
func inFolder(name string, content func(io.Writer) error) bomb { return several(name, 1, content) }

func eight(name string, content func(io.Writer) error) bomb { return several(name, 8, content) }

func several(name string, n int, content func(io.Writer) error) bomb {
	return bomb{name, func(dir string) (string, error) {
		folder := filepath.Join(dir, "data")
		if err := pictures(folder); err != nil {
			return "", err
		}
		var b bytes.Buffer
		if err := content(&b); err != nil {
			return "", err
		}
		for i := range n {
			path := filepath.Join(folder, "apple", "bomb"+string(rune('0'+i))+".png")
			if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
				return "", err
			}
		}
		return "data", nil
	}}
}

// nothing yields n zeros.
func nothing(n int64) io.Reader { return io.LimitReader(endless{}, n) }

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// chunk writes a chunk of a PNG.
func chunk(w io.Writer, kind string, data []byte) {
	body := append([]byte(kind), data...)
	_ = binary.Write(w, binary.BigEndian, uint32(len(data)))
	_, _ = w.Write(body)
	_ = binary.Write(w, binary.BigEndian, crc32.ChecksumIEEE(body))
}

// pngBomb is a picture of zeros. kind is the colour type of the format.
func pngBomb(w, h, depth, kind int) func(io.Writer) error {
	return func(to io.Writer) error {
		channels := map[int]int{0: 1, 2: 3, 6: 4}[kind]
		row := int64(1 + (w*depth*channels+7)/8)
		var pixels bytes.Buffer
		z := zlib.NewWriter(&pixels)
		if _, err := io.Copy(z, nothing(row*int64(h))); err != nil {
			return err
		}
		if err := z.Close(); err != nil {
			return err
		}
		header := binary.BigEndian.AppendUint32(nil, uint32(w))
		header = append(binary.BigEndian.AppendUint32(header, uint32(h)), byte(depth), byte(kind), 0, 0, 0)
		if _, err := io.WriteString(to, "\x89PNG\r\n\x1a\n"); err != nil {
			return err
		}
		chunk(to, "IHDR", header)
		chunk(to, "IDAT", pixels.Bytes())
		chunk(to, "IEND", nil)
		return nil
	}
}

// pngChunk is an ordinary picture with a compressed chunk of 512 MB of zeros after its header.
func pngChunk(kind, prefix string) func(io.Writer) error {
	return func(to io.Writer) error {
		var b bytes.Buffer
		b.WriteString(prefix)
		z := zlib.NewWriter(&b)
		if _, err := io.Copy(z, nothing(512<<20)); err != nil {
			return err
		}
		if err := z.Close(); err != nil {
			return err
		}
		whole := picture(5)
		const afterHeader = 8 + 25
		if _, err := to.Write(whole[:afterHeader]); err != nil {
			return err
		}
		chunk(to, kind, b.Bytes())
		_, err := to.Write(whole[afterHeader:])
		return err
	}
}

// jpegBomb is a small picture whose header says that it is large.
func jpegBomb(to io.Writer) error {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 16, 16)), nil); err != nil {
		return err
	}
	data := b.Bytes()
	at := bytes.Index(data, []byte{0xff, 0xc0}) + 5
	binary.BigEndian.PutUint16(data[at:], 65_500)
	binary.BigEndian.PutUint16(data[at+2:], 65_500)
	_, err := to.Write(data)
	return err
}

// gifBomb is a small frame on a large canvas.
func gifBomb(to io.Writer) error {
	var b bytes.Buffer
	if err := gif.Encode(&b, image.NewGray(image.Rect(0, 0, 16, 16)), nil); err != nil {
		return err
	}
	data := b.Bytes()
	binary.LittleEndian.PutUint16(data[6:], 65_535)
	binary.LittleEndian.PutUint16(data[8:], 65_535)
	_, err := to.Write(data)
	return err
}

// bmpBomb is a header without pixels.
func bmpBomb(to io.Writer) error {
	header := []byte("BM\x00\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00")
	for _, side := range []uint32{30_000, 30_000} {
		header = binary.LittleEndian.AppendUint32(header, side)
	}
	header = append(header, 1, 0, 24, 0)
	_, err := to.Write(append(header, make([]byte, 200)...))
	return err
}

// tarBomb is an archive with n files of zeros that are named like pictures.
func tarBomb(n int, size int64) func(string) (string, error) {
	return func(dir string) (string, error) {
		return "data.tar.gz", archive(filepath.Join(dir, "data.tar.gz"), func(w *tar.Writer) error {
			for i := range n {
				h := tar.Header{Name: fmt.Sprintf("apple/zeros%04d.png", i), Mode: 0o666, Size: size}
				if err := w.WriteHeader(&h); err != nil {
					return err
				}
				if _, err := io.Copy(w, nothing(size)); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// idxBomb says that it holds 2,000,000 images of 32 x 32.
func idxBomb(dir string) (string, error) {
	folder := filepath.Join(dir, "data")
	if err := os.Mkdir(folder, 0o777); err != nil {
		return "", err
	}
	f, err := os.Create(filepath.Join(folder, "train-images-idx3-ubyte.gz"))
	if err != nil {
		return "", err
	}
	defer f.Close()
	z, err := gzip.NewWriterLevel(f, gzip.BestSpeed)
	if err != nil {
		return "", err
	}
	header := []byte{0, 0, 8, 3}
	for _, n := range []uint32{2_000_000, 32, 32} {
		header = binary.BigEndian.AppendUint32(header, n)
	}
	if _, err := z.Write(header); err != nil {
		return "", err
	}
	if _, err := io.Copy(z, nothing(2_000_000*32*32)); err != nil {
		return "", err
	}
	return "data", z.Close()
}
