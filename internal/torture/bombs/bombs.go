// SPDX-License-Identifier: Apache-2.0

// Package bombs makes small files that become gigabytes, or take minutes, if one lets them: images, archives and data
// sets that claim, or compress, far more than they hold. The campaign trains on them, and a test reads them.
package bombs

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strconv"
)

// A Bomb is small data that must take neither much memory nor much time.
type Bomb struct {
	Name string
	// Write makes the data in an empty folder and returns its name there, a folder or a file.
	Write func(dir string) (data string, err error)
	// Image says that the data is a folder of images, which may hold others beside the bomb.
	Image bool
	// Large says that making the data takes seconds, since gigabytes are compressed for it.
	Large bool
	// Honest says that the data is unusual rather than hostile: it must be read, not refused.
	Honest bool
}

// All lists the bombs.
func All() []Bomb {
	var all []Bomb
	for _, list := range [][]Bomb{pngs(), jpegs(), others(), tiffs(), archives(), idx()} {
		all = append(all, list...)
	}
	return all
}

// image is a bomb that is an image file, copies of which lie beside each other.
func image(name string, copies int, content func(w io.Writer) error) Bomb {
	return Bomb{Name: name, Image: true, Write: func(dir string) (string, error) {
		var b bytes.Buffer
		if err := content(&b); err != nil {
			return "", err
		}
		folder := filepath.Join(dir, "data", "apple")
		if err := os.MkdirAll(folder, 0o777); err != nil {
			return "", err
		}
		for i := range copies {
			if err := os.WriteFile(filepath.Join(folder, "bomb"+strconv.Itoa(i)+".png"), b.Bytes(), 0o666); err != nil {
				return "", err
			}
		}
		return "data", nil
	}}
}

// honest is an unusual image that must be read.
func honest(name string, copies int, content func(w io.Writer) error) Bomb {
	b := image(name, copies, content)
	b.Honest = true
	return b
}

// large marks bombs that take seconds to make.
func large(bombs ...Bomb) []Bomb {
	for i := range bombs {
		bombs[i].Large = true
	}
	return bombs
}

// nothing yields n zeros.
func nothing(n int64) io.Reader { return io.LimitReader(endless{}, n) }

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
