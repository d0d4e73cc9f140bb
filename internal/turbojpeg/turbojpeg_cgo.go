// SPDX-License-Identifier: Apache-2.0

//go:build cgo && (linux || darwin)

package turbojpeg

/*
#cgo linux LDFLAGS: -ldl
#define _GNU_SOURCE 1 // for dladdr
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int (*header_function)(void *, const unsigned char *, unsigned long, int *, int *, int *, int *);
typedef int (*decompress_function)(void *, const unsigned char *, unsigned long, unsigned char *, int, int, int, int,
                                   int);

// The functions of the TurboJPEG API 2.x used here, with the types of its manual.
static struct {
	void *(*init)(void);
	header_function header;
	decompress_function decompress;
	char *(*message)(void *);
	int (*destroy)(void *);
} api;

// plx_open loads the library called name. It returns NULL, or what went wrong, for the caller to free.
static char *plx_open(const char *name, char *path, int path_size) {
	void *lib = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	if (lib == NULL) {
		const char *why = dlerror();
		return strdup(why ? why : "dlopen failed");
	}
	api.init = (void *(*)(void))dlsym(lib, "tjInitDecompress");
	api.header = (header_function)dlsym(lib, "tjDecompressHeader3");
	api.decompress = (decompress_function)dlsym(lib, "tjDecompress2");
	api.message = (char *(*)(void *))dlsym(lib, "tjGetErrorStr2");
	api.destroy = (int (*)(void *))dlsym(lib, "tjDestroy");
	if (!api.init || !api.header || !api.decompress || !api.message || !api.destroy) {
		dlclose(lib);
		return strdup("it is older than version 2.0");
	}
	Dl_info info;
	if (dladdr((void *)api.init, &info) && info.dli_fname) snprintf(path, path_size, "%s", info.dli_fname);
	return NULL;
}

static void *plx_new(void) { return api.init(); }
static void plx_free(void *h) { api.destroy(h); }

// plx_fail copies the handle's message.
static int plx_fail(void *h, char *msg, int msg_size) {
	snprintf(msg, msg_size, "%s", api.message(h));
	return 1;
}

static int plx_header(void *h, const unsigned char *data, unsigned long size, int *width, int *height, int *space,
                      char *msg, int msg_size) {
	int subsampling;
	if (api.header(h, data, size, width, height, &subsampling, space) == 0) return 0;
	return plx_fail(h, msg, msg_size);
}

static int plx_decode(void *h, const unsigned char *data, unsigned long size, unsigned char *dst, int width, int height,
                      int format, int flags, char *msg, int msg_size) {
	if (api.decompress(h, data, size, dst, width, 0, height, format, flags) == 0) return 0;
	return plx_fail(h, msg, msg_size);
}
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"sync"
	"unsafe"

	"github.com/parallax-ssl/parallax/internal/place"
	"github.com/parallax-ssl/parallax/internal/sharedlib"
)

const (
	formatRGB  = 0  // TJPF_RGB
	formatCMYK = 11 // TJPF_CMYK

	spaceCMYK = 3 // TJCS_CMYK
	spaceYCCK = 4 // TJCS_YCCK

	// TJFLAG_LIMITSCANS: a progressive file of more than 500 scans is refused, since a small one can keep a decoder
	// busy for minutes. No other flag: the accurate DCT and smooth upsampling are what Pillow uses.
	flags = 32768
)

var library struct {
	sync.Once
	err  error
	path string
}

// libraryNames lists the libraries to try, in order. A path is a file; the system looks up a bare name.
func libraryNames() []string {
	if given := os.Getenv("LIBTURBOJPEG"); given != "" {
		return []string{given}
	}
	names := []string{"libturbojpeg.so.0", "libturbojpeg.so"}
	if runtime.GOOS == "darwin" {
		names = []string{"libturbojpeg.0.dylib", "libturbojpeg.dylib",
			"/opt/homebrew/opt/jpeg-turbo/lib/libturbojpeg.dylib", "/usr/local/opt/jpeg-turbo/lib/libturbojpeg.dylib"}
	}
	var paths []string
	for _, dir := range place.Libraries() {
		path := filepath.Join(dir, names[0])
		if _, err := os.Stat(path); err == nil {
			paths = append(paths, path)
		}
	}
	return append(paths, names...)
}

func load() {
	var first error
	for _, name := range libraryNames() {
		path, err := open(name)
		if err == nil {
			library.path = path
			return
		}
		if first == nil {
			first = fmt.Errorf("opening libturbojpeg: %w", err)
		}
	}
	library.err = first
}

func open(name string) (path string, err error) {
	if filepath.IsAbs(name) {
		if err := sharedlib.Whole(name); err != nil {
			return "", err
		}
	}
	var buffer [4096]C.char
	cname := C.CString(name)
	defer C.free(unsafe.Pointer(cname))
	if why := C.plx_open(cname, &buffer[0], C.int(len(buffer))); why != nil {
		defer C.free(unsafe.Pointer(why))
		return "", errors.New(C.GoString(why))
	}
	return C.GoString(&buffer[0]), nil
}

// Available opens the library at the first call and returns nil, or why the library cannot be used. Safe for concurrent
// use.
func Available() error {
	library.Do(load)
	return library.err
}

var versionText = regexp.MustCompile(`libjpeg-turbo version (\d+(?:\.\d+)+)`)

// Version returns the library's version, such as "2.1.5", or "" if it is unknown. The API has no call for it, so
// Version looks for the text in the library's file.
func Version() string {
	if Available() != nil {
		return ""
	}
	data, err := os.ReadFile(library.path)
	if err != nil {
		return ""
	}
	if m := versionText.FindSubmatch(data); m != nil {
		return string(m[1])
	}
	return ""
}

// handles holds decompressors between calls: making one costs as much as decoding a 32x32 image.
var handles struct {
	sync.Mutex
	free []unsafe.Pointer
}

func getHandle() (unsafe.Pointer, error) {
	handles.Lock()
	if n := len(handles.free); n > 0 {
		h := handles.free[n-1]
		handles.free = handles.free[:n-1]
		handles.Unlock()
		return h, nil
	}
	handles.Unlock()
	h := C.plx_new()
	if h == nil {
		return nil, errors.New("libturbojpeg: no memory for a decompressor")
	}
	return h, nil
}

func putHandle(h unsafe.Pointer) {
	handles.Lock()
	keep := len(handles.free) < 4*runtime.GOMAXPROCS(0)
	if keep {
		handles.free = append(handles.free, h)
	}
	handles.Unlock()
	if !keep {
		C.plx_free(h)
	}
}

// Decode decodes a whole JPEG file, whose header must say w by h pixels. The pixels are in room if they fit, else in
// fresh memory. A warning of the library is an error: it may have filled what it could not read with grey. Safe for
// concurrent use.
func Decode(data []byte, w, h int, room []byte) (Image, error) {
	if err := Available(); err != nil {
		return Image{}, err
	}
	if len(data) == 0 {
		return Image{}, errors.New("empty file")
	}
	handle, err := getHandle()
	if err != nil {
		return Image{}, err
	}
	// After a failure the library may leave a decompressor in the middle of a segment, where the next image would fail:
	// only a handle that finished its work is kept.
	sound := false
	defer func() {
		if sound {
			putHandle(handle)
		} else {
			C.plx_free(handle)
		}
	}()

	var width, height, space C.int
	var msg [256]C.char
	src, size := (*C.uchar)(unsafe.Pointer(&data[0])), C.ulong(len(data))
	if C.plx_header(handle, src, size, &width, &height, &space, &msg[0], C.int(len(msg))) != 0 {
		return Image{}, errors.New(C.GoString(&msg[0]))
	}
	img := Image{W: int(width), H: int(height), C: 3}
	if img.W != w || img.H != h || w <= 0 || h <= 0 {
		return Image{}, fmt.Errorf("the JPEG header says %dx%d pixels, not %dx%d", img.W, img.H, w, h)
	}
	format := C.int(formatRGB)
	if space == spaceCMYK || space == spaceYCCK {
		img.C, format = 4, formatCMYK
	}
	if n := img.W * img.H * img.C; n <= cap(room) {
		img.Pix = room[:n]
	} else {
		img.Pix = make([]uint8, n)
	}
	dst := (*C.uchar)(unsafe.Pointer(&img.Pix[0]))
	if C.plx_decode(handle, src, size, dst, width, height, format, flags, &msg[0], C.int(len(msg))) != 0 {
		return Image{}, errors.New(C.GoString(&msg[0]))
	}
	sound = true
	return img, nil
}
