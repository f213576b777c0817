# fish completion for weir. Install: weir completion fish | source

function __weir_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in ($words[1] __complete $words[2..] "$current" 2>/dev/null)
        switch $line
            case ':file'
                __weir_paths __fish_complete_path $current
            case ':folder'
                __weir_paths __fish_complete_directories $current
            case ':*'
            case '*'
                echo $line
        end
    end
end

# Paths for the part of the word behind `--flag=`.
function __weir_paths
    set -l parts (string match -r -- '^(--[^=]+=|)(.*)$' "$argv[2]")
    for path in ($argv[1] "$parts[3]" '')
        echo "$parts[2]$path"
    end
end

complete -c weir -f -a '(__weir_complete)'
