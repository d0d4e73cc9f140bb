// SPDX-License-Identifier: Apache-2.0

// Package claims lists the published claims that the laboratory puts to the test, with those that it cannot test and
// why. The claims of one family are in one file, named for the method or the question: simsiam.go, views.go. The arms
// that several claims share stand at its beginning, so that each is trained once.
//
// [All] is the list, and [Select] chooses from it. A new claim is a value in the file of its family and a line in
// all.go.
package claims
