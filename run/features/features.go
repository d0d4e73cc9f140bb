// SPDX-License-Identifier: Apache-2.0

package features

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/parallax-ssl/parallax/internal/binary16"
	"github.com/parallax-ssl/parallax/internal/safetensors"
)

// The bounds of a sample. Those of a reader are above those of [Images], for files of later versions.
const (
	MostImages = 1000
	mostValues = 1 << 20 // of a sample: 2 MiB
	mostRead   = 16 << 20
	mostRows   = 1 << 14
	mostName   = 4 << 10 // bytes

	mostSpectrum  = 1 << 16
	mostAlignment = 4.001 // rounding may exceed 4
)

// Images is how many images the sample of an encoder has whose features are so wide: at most [MostImages], and fewer of
// wide features, so that a file has at most about 2 MiB.
func Images(width int) int { return max(1, min(MostImages, mostValues/max(1, width))) }

// A Sample is the features of some images after a step of a run.
type Sample struct {
	Step    int
	Data    string // the path of the images, as the run's config has it
	Split   string // their split; "" for data without splits
	Images  []Image
	Classes map[int]string // the names of the classes of the images
	Width   int            // of a row
	// Rows are the features, Images x Width in row-major order. Each row has length 1, so that the inner product of two
	// is their cosine. A row of zeros stays one.
	Rows []float32
	// Spectrum has the singular values of the run's centred embeddings, the largest first; none if it is not known. In
	// the file they are float32.
	Spectrum []float64
	// Alignment has ‖ẑ-ẑ'‖² of each image, 0 to 4: the squared distance of the embeddings of two of its views,
	// each scaled to length 1 (Wang & Isola 2020, arXiv:2005.10242). It is the part of the loss that is an image's own
	// in every method. None if it is not known; NaN for an image of which it is not. In the file they are float32.
	Alignment []float64
}

// An Image is one of the images of a sample.
type Image struct {
	Index int    // its number in the data, in the split
	Name  string // as the data set names it
	Label int    // its class; -1 without one
}

// Row returns the features of image i of the sample.
func (s *Sample) Row(i int) []float32 { return s.Rows[i*s.Width : (i+1)*s.Width] }

// Find returns the place in the sample of the image with a number, or -1.
func (s *Sample) Find(index int) int {
	for i, image := range s.Images {
		if image.Index == index {
			return i
		}
	}
	return -1
}

// check returns what is wrong with a sample.
func (s *Sample) check() error {
	n := len(s.Images)
	switch {
	case s.Step < 0:
		return fmt.Errorf("its step is %d", s.Step)
	case n == 0 || n > mostRows:
		return fmt.Errorf("it has %d images: want 1 to %d", n, mostRows)
	case len(s.Spectrum) > mostSpectrum || slices.ContainsFunc(s.Spectrum, func(v float64) bool {
		return math.IsNaN(v) || v < 0 || v > math.MaxFloat32
	}):
		return fmt.Errorf("its spectrum has %d values: want at most %d, from 0 on", len(s.Spectrum), mostSpectrum)
	case len(s.Alignment) > 0 && len(s.Alignment) != n || slices.ContainsFunc(s.Alignment, func(v float64) bool {
		return v < 0 || v > mostAlignment
	}):
		return fmt.Errorf("it has %d distances between views: want one for each image, from 0 to 4", len(s.Alignment))
	case s.Width < 1 || len(s.Rows) != n*s.Width:
		return fmt.Errorf("it has %d values: want %d rows of %d", len(s.Rows), n, s.Width)
	}
	seen := make(map[int]bool, n)
	for i, image := range s.Images {
		switch {
		case image.Index < 0 || seen[image.Index]:
			return fmt.Errorf("row %d is of image %d, which is another row's or none", i, image.Index)
		case image.Label < -1:
			return fmt.Errorf("image %d has the label %d", image.Index, image.Label)
		}
		seen[image.Index] = true
	}
	return nil
}

// Normalise scales the rows to length 1. A value that is not finite is an error.
func (s *Sample) Normalise() error {
	for i := range s.Images {
		row, square := s.Row(i), 0.0
		for _, v := range row {
			square += float64(v) * float64(v)
		}
		if math.IsNaN(square) || math.IsInf(square, 0) {
			return fmt.Errorf("the features of image %d are not finite", s.Images[i].Index)
		}
		if square == 0 {
			continue
		}
		scale := 1 / math.Sqrt(square)
		for j, v := range row {
			row[j] = float32(float64(v) * scale)
		}
	}
	return nil
}

// The names of tensors and of entries of the metadata.
const (
	rowsTensor  = "rows"
	indexTensor = "index"
	labelTensor = "label"
	spectrum    = "spectrum"
	alignment   = "alignment"
	stepKey     = "step"
	dataKey     = "data"
	splitKey    = "split"
	namesKey    = "names"
	classesKey  = "classes"
)

// write writes a sample. Equal samples give equal bytes. It scales the rows.
func (s *Sample) write(w io.Writer) error {
	if err := errors.Join(s.check(), s.Normalise()); err != nil {
		return err
	}
	n := len(s.Images)
	rows, index, label := make([]byte, 0, 2*len(s.Rows)), make([]byte, 0, 8*n), make([]byte, 0, 8*n)
	for _, v := range s.Rows {
		rows = binary.LittleEndian.AppendUint16(rows, binary16.Round(v))
	}
	names, classes := make([]string, n), map[int]string{}
	for i, image := range s.Images {
		index = binary.LittleEndian.AppendUint64(index, uint64(image.Index))
		label = binary.LittleEndian.AppendUint64(label, uint64(int64(image.Label)))
		names[i] = shortened(image.Name)
		if name, known := s.Classes[image.Label]; known {
			classes[image.Label] = shortened(name)
		}
	}
	metadata := map[string]string{stepKey: strconv.Itoa(s.Step), dataKey: valid(s.Data), splitKey: s.Split}
	for key, v := range map[string]any{namesKey: names, classesKey: classes} {
		text, err := json.Marshal(v)
		if err != nil {
			return err
		}
		metadata[key] = string(text)
	}
	tensors := []safetensors.Tensor{
		{Name: rowsTensor, DType: safetensors.F16, Shape: []int{n, s.Width}, Data: rows},
		{Name: indexTensor, DType: safetensors.I64, Shape: []int{n}, Data: index},
		{Name: labelTensor, DType: safetensors.I64, Shape: []int{n}, Data: label},
	}
	for _, column := range []struct {
		name   string
		values []float64
	}{{spectrum, s.Spectrum}, {alignment, s.Alignment}} {
		k := len(column.values)
		if k == 0 {
			continue
		}
		data := make([]byte, 0, 4*k)
		for _, v := range column.values {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(v)))
		}
		tensors = append(tensors, safetensors.Tensor{Name: column.name, DType: safetensors.F32, Shape: []int{k},
			Data: data})
	}
	return safetensors.Write(w, tensors, metadata)
}

// valid is text as UTF-8, as the format wants it.
func valid(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	return string([]rune(text))
}

// shortened bounds the length of a name.
func shortened(name string) string {
	name = valid(name)
	if len(name) <= mostName {
		return name
	}
	end := mostName
	for !utf8.RuneStart(name[end]) {
		end--
	}
	return name[:end]
}

// Read reads the sample of a step from the folder of the samples, such as os.DirFS(dir.Path(run.FeaturesDir)). A file
// that is damaged, or larger than 16 MiB, is an error.
func Read(folder fs.FS, step int) (*Sample, error) {
	name := FileName(step)
	s, err := read(folder, name)
	if err == nil && s.Step != step {
		err = fmt.Errorf("it is of step %d", s.Step)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return s, nil
}

func read(folder fs.FS, name string) (*Sample, error) {
	text, err := readFile(folder, name)
	if err != nil {
		return nil, err
	}
	return parse(text)
}

func readFile(folder fs.FS, name string) ([]byte, error) {
	file, err := folder.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, mostRead+1))
	if err == nil && len(text) > mostRead {
		err = fmt.Errorf("it has more than %d MiB", mostRead>>20)
	}
	return text, err
}

// Spectrum reads the spectrum of a step alone, see [Sample]; nil if it is not known. data is the path of the images.
func Spectrum(folder fs.FS, step int) (values []float64, data string, err error) {
	name := FileName(step)
	text, err := readFile(folder, name)
	if err != nil {
		return nil, "", fmt.Errorf("reading %s: %w", name, err)
	}
	f, err := safetensors.Parse(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		return nil, "", fmt.Errorf("reading %s: %w", name, err)
	}
	return spectrumOf(f), f.Metadata[dataKey], nil
}

// spectrumOf returns the spectrum in a file, as far as it is one: values that are finite and not negative.
func spectrumOf(f *safetensors.File) []float64 {
	return column(f, spectrum, mostSpectrum, func(v float64) bool { return v >= 0 && !math.IsInf(v, 1) })
}

// alignmentOf returns the distances between views in a file of n images, as far as they are such.
func alignmentOf(f *safetensors.File, n int) []float64 {
	values := column(f, alignment, n, func(v float64) bool { return math.IsNaN(v) || v >= 0 && v <= mostAlignment })
	if len(values) != n {
		return nil
	}
	return values
}

// column returns the values of a tensor in a file; none unless it is float32, has at most so many, and all are good.
func column(f *safetensors.File, name string, most int, good func(float64) bool) (values []float64) {
	t, err := f.Tensor(name)
	if err != nil || t.DType != safetensors.F32 || len(t.Data)/4 > most {
		return nil
	}
	for data := t.Data; len(data) >= 4; data = data[4:] {
		v := float64(math.Float32frombits(binary.LittleEndian.Uint32(data)))
		if !good(v) {
			return nil
		}
		values = append(values, v)
	}
	return values
}

// parse reads the bytes of a file.
func parse(text []byte) (*Sample, error) {
	f, err := safetensors.Parse(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		return nil, err
	}
	tensor := func(name string, of safetensors.DType, rank int) (data []byte, shape []int) {
		t, failed := f.Tensor(name)
		if failed == nil && (t.DType != of || len(t.Shape) != rank) {
			failed = fmt.Errorf("tensor %s is %s %v: want %s of rank %d", name, t.DType, t.Shape, of, rank)
		}
		err = errors.Join(err, failed)
		return t.Data, t.Shape
	}
	rows, shape := tensor(rowsTensor, safetensors.F16, 2)
	index, n := tensor(indexTensor, safetensors.I64, 1)
	label, m := tensor(labelTensor, safetensors.I64, 1)
	if err != nil {
		return nil, err
	}
	s := &Sample{Data: f.Metadata[dataKey], Split: f.Metadata[splitKey], Width: shape[1]}
	if s.Step, err = strconv.Atoi(f.Metadata[stepKey]); err != nil {
		return nil, fmt.Errorf("its step is %.40q", f.Metadata[stepKey])
	}
	var names []string
	if err := json.Unmarshal([]byte(f.Metadata[namesKey]), &names); err != nil {
		return nil, fmt.Errorf("its names of images: %w", err)
	}
	if err := json.Unmarshal([]byte(f.Metadata[classesKey]), &s.Classes); err != nil {
		return nil, fmt.Errorf("its names of classes: %w", err)
	}
	if shape[0] != n[0] || n[0] != m[0] || len(names) != n[0] || n[0] > mostRows {
		return nil, fmt.Errorf("it has %d rows, %d images, %d labels and %d names: want one number, at most %d",
			shape[0], n[0], m[0], len(names), mostRows)
	}
	for i, name := range names {
		at := func(data []byte) int { return int(int64(binary.LittleEndian.Uint64(data[8*i:]))) }
		s.Images = append(s.Images, Image{at(index), name, at(label)})
	}
	s.Rows = make([]float32, len(rows)/2)
	for i := range s.Rows {
		s.Rows[i] = binary16.Value(binary.LittleEndian.Uint16(rows[2*i:]))
	}
	s.Spectrum, s.Alignment = spectrumOf(f), alignmentOf(f, n[0])
	if err := errors.Join(s.check(), s.Normalise()); err != nil {
		return nil, err
	}
	return s, nil
}
