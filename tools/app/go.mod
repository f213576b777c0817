module weir.dev/tools/app

go 1.26.0
