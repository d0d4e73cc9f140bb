// SPDX-License-Identifier: Apache-2.0

package views

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// npyLimit bounds the values of one array; the oracles are far smaller.
const npyLimit = 1 << 28

// An array is the content of an .npy file, in C order. Exactly one of U8 and F32 is set.
type array struct {
	Shape []int
	U8    []uint8
	F32   []float32
}

// readNPY reads an .npy file of uint8 or little-endian float32 in C order.
func readNPY(path string) (*array, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	a, err := parseNPY(data)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return a, nil
}

var (
	npyDescr   = regexp.MustCompile(`'descr'\s*:\s*'([^']*)'`)
	npyFortran = regexp.MustCompile(`'fortran_order'\s*:\s*(True|False)`)
	npyShape   = regexp.MustCompile(`'shape'\s*:\s*\(([0-9, ]*)\)`)
)

// parseNPY parses an .npy file: the magic number, the version, the header's length (2 bytes in version 1, 4 in versions
// 2 and 3), a Python dictionary as text, and the values (numpy.lib.format).
func parseNPY(data []byte) (*array, error) {
	const magic = "\x93NUMPY"
	if len(data) < 12 || string(data[:6]) != magic {
		return nil, errors.New("not an .npy file")
	}
	length, start := uint64(binary.LittleEndian.Uint16(data[8:])), uint64(10)
	if data[6] >= 2 {
		length, start = uint64(binary.LittleEndian.Uint32(data[8:])), 12
	}
	if start+length > uint64(len(data)) {
		return nil, fmt.Errorf("the header of %d bytes is cut short", length)
	}
	header, body := string(data[start:start+length]), data[start+length:]

	descr, fortran, dims := npyDescr.FindStringSubmatch(header), npyFortran.FindStringSubmatch(header),
		npyShape.FindStringSubmatch(header)
	if descr == nil || fortran == nil || dims == nil {
		return nil, fmt.Errorf("the header %q lacks descr, fortran_order or shape", header)
	}
	if fortran[1] == "True" {
		return nil, errors.New("the array is in Fortran order; save it with numpy.ascontiguousarray")
	}
	a, count := &array{}, 1
	for dim := range strings.SplitSeq(dims[1], ",") {
		dim = strings.TrimSpace(dim)
		if dim == "" {
			continue
		}
		n, err := strconv.Atoi(dim)
		if err != nil || n < 0 || n > npyLimit || (n > 0 && count > npyLimit/n) {
			return nil, fmt.Errorf("the shape (%s) is too large", dims[1])
		}
		a.Shape = append(a.Shape, n)
		count *= n
	}
	width := map[string]int{"|u1": 1, "u1": 1, "<f4": 4}[descr[1]]
	if width == 0 {
		return nil, fmt.Errorf("values of type %q; only |u1 and <f4 are read", descr[1])
	}
	if len(body) != width*count {
		return nil, fmt.Errorf("%d bytes of values, but shape (%s) of %s needs %d", len(body), dims[1], descr[1],
			width*count)
	}
	if width == 1 {
		a.U8 = bytes.Clone(body)
		return a, nil
	}
	a.F32 = make([]float32, count)
	for i := range a.F32 {
		a.F32[i] = math.Float32frombits(binary.LittleEndian.Uint32(body[4*i:]))
	}
	return a, nil
}
