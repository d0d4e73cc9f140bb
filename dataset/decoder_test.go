// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/internal/codec"
)

// A JPEG and a PNG file of package codec's test data.
const (
	jpegFile = "jpeg_420.jpg"
	pngFile  = "png_rgb.png"
)

func readTestImage(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../internal/codec/testdata/images", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// pictures is a folder with one image of the test data, under a new name.
func pictures(t *testing.T, from, name string) string {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, name), readTestImage(t, from))
	return dir
}

// The pixels are those of the decoder that Options names.
func TestOptionsNameTheDecoder(t *testing.T) {
	file := jpegFile
	dir := pictures(t, file, "a.jpg")
	want := map[string]func() ([]uint8, error){}
	for _, decoder := range []string{DecoderGo, DecoderTurbo} {
		want[decoder] = func() ([]uint8, error) {
			img, err := codec.Decode(readTestImage(t, file), codec.Options{JPEG: decoder})
			if err != nil {
				return nil, err
			}
			return img.Pix, nil
		}
	}
	want[""] = want[DecoderTurbo]
	for decoder, pixels := range want {
		s, err := Open(dir, Options{Decoder: decoder})
		if err != nil {
			t.Fatal(err)
		}
		img, err := s.Image(0)
		if err != nil {
			t.Fatal(err)
		}
		expected, err := pixels()
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(img.Pix, expected) || !s.JPEG() {
			t.Errorf("decoder %q: other pixels, or JPEG says %v", decoder, s.JPEG())
		}
		s.Close()
	}
	if _, err := Open(dir, Options{Decoder: "mozjpeg"}); err == nil || !strings.HasSuffix(err.Error(),
		`there is no JPEG decoder "mozjpeg": the decoders are turbojpeg and go`) {
		t.Errorf("error %v", err)
	}
}

// TestWithoutTheLibrary runs itself in a process that finds no libjpeg-turbo: the pixels are the same.
func TestWithoutTheLibrary(t *testing.T) {
	const child = "PARALLAX_TEST_NO_TURBOJPEG"
	if os.Getenv(child) == "" {
		c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
		c.Env = append(os.Environ(), child+"=1", "LIBTURBOJPEG="+filepath.Join(t.TempDir(), "none.so"))
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return
	}
	if !strings.HasPrefix(Decoder(), "Go, with libjpeg-turbo's pixels (2 to 4 times as fast with the library: ") {
		t.Errorf("doctor would say %q", Decoder())
	}
	s, err := Open(pictures(t, jpegFile, "a.jpg"), Options{Decoder: DecoderTurbo})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	img, err := s.Image(0)
	if err != nil {
		t.Fatal(err)
	}
	// Pillow's, of internal/codec/testdata/images.json.
	const want = "ec2122ea6a554c4bd58537bf7ae9aa61418c18ec87c3dadebd7107844a1e575a"
	if got := fmt.Sprintf("%x", sha256.Sum256(img.Pix)); got != want {
		t.Errorf("pixels of hash %s, want %s", got, want)
	}
}

// Whether the pixels depend on the decoder follows from the names of the files.
func TestWhoseImagesAreJPEG(t *testing.T) {
	for path, jpeg := range map[string]bool{
		pictures(t, jpegFile, "a.jpg"): true, pictures(t, pngFile, "a.png"): false, "synthetic:10": false,
	} {
		s, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if s.JPEG() != jpeg {
			t.Errorf("%s: JPEG says %v", path, s.JPEG())
		}
		s.Close()
	}
}
