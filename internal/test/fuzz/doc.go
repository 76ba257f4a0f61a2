// Package fuzz has the fuzz targets that need a whole App. Those of one package are with it.
package fuzz
