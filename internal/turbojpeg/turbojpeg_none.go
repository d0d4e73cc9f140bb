// SPDX-License-Identifier: Apache-2.0

//go:build !cgo || !(linux || darwin)

package turbojpeg

import "errors"

var errNotBuilt = errors.New("libturbojpeg: this program was built without cgo, which it needs to open the library")

// Available returns why the library cannot be used: this build has no cgo.
func Available() error { return errNotBuilt }

// Version returns "": this build cannot open the library.
func Version() string { return "" }

// Decode always returns Available's error in this build.
func Decode(data []byte, w, h int, room []byte) (Image, error) { return Image{}, errNotBuilt }
