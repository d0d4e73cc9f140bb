// SPDX-License-Identifier: Apache-2.0

package weights

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/internal/safetensors"
	"github.com/parallax-ssl/parallax/weights/pth"
)

// tensor is a tensor of a file, which is read when it is asked for.
type tensor struct {
	key   string
	dtype safetensors.DType
	shape []int
	read  func() ([]byte, error)
}

// source is an open file of either format.
type source struct {
	format   string
	tensors  []tensor
	others   []pth.Other
	foreign  []Foreign
	metadata map[string]string // of safetensors
	size     int64             // of the file in bytes
	close    func() error
}

// openSource opens a file of safetensors or of torch.save. The format is found by the content: endings are used for
// both.
func openSource(file string) (s *source, err error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file: give the checkpoint itself", printable.Name(file))
	}
	is, err := isSafetensors(file)
	if err != nil {
		return nil, err
	}
	if is {
		s, err = openSafetensors(file)
	} else {
		s, err = openTorch(file)
	}
	if err == nil {
		s.size = info.Size()
	}
	return s, err
}

func openTorch(file string) (*source, error) {
	f, err := pth.Open(file)
	if errors.Is(err, pth.ErrForeign) {
		err = fmt.Errorf("%w, and not one of safetensors either: give a checkpoint of either kind", err)
	}
	if err != nil {
		return nil, err
	}
	s := &source{format: f.Format, others: f.Others, close: f.Close}
	for _, u := range f.Foreign {
		s.foreign = append(s.foreign, Foreign{Name: u.String(), Times: u.Times, Called: u.Called})
	}
	for _, t := range f.Tensors {
		s.tensors = append(s.tensors, tensor{t.Key, t.DType, t.Shape, t.Read})
	}
	return s, nil
}

// isSafetensors reports whether a file begins with the length of a header and a brace.
func isSafetensors(file string) (bool, error) {
	f, err := os.Open(file)
	if err != nil {
		return false, err
	}
	defer f.Close()
	var start [9]byte
	if _, err := io.ReadFull(f, start[:]); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = nil
		}
		return strings.HasSuffix(file, ".safetensors"), err
	}
	return start[8] == '{' && binary.LittleEndian.Uint64(start[:8]) <= safetensors.MaxHeader ||
		strings.HasSuffix(file, ".safetensors"), nil
}

func openSafetensors(file string) (*source, error) {
	f, err := safetensors.Open(file)
	if err != nil {
		return nil, err
	}
	s := &source{format: "safetensors", metadata: f.Metadata, close: f.Close}
	for _, name := range f.Names {
		dtype, shape := f.Info(name)
		s.tensors = append(s.tensors, tensor{name, dtype, shape, func() ([]byte, error) {
			t, err := f.Tensor(name)
			return t.Data, err
		}})
	}
	return s, nil
}

// digest returns the SHA-256 of a file.
func digest(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
